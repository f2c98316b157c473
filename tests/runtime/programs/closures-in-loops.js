const fs = []; for (let i = 0; i < 3; i++) fs.push(async () => i); for (var j = 0; j < 3; j++) fs.push(async () => j);
Promise.all(fs.map((f) => f())).then((all) => console.log(all));
