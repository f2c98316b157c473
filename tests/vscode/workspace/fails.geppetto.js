const names = ["Pinocchio"];
console.log("so far so good");
JSON.parse(names[0] ?? "");
