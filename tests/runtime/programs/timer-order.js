setTimeout(() => console.log("t60"), 60);
setTimeout(() => console.log("t0"), 0);
setTimeout(() => { console.log("t0b"); Promise.resolve().then(() => console.log("micro after t0b")) });
setTimeout(() => console.log("t0c"));
const i = setInterval(() => { console.log("i"); if (++n === 3) clearInterval(i) }, 1); let n = 0;
clearTimeout(setTimeout(() => console.log("cleared")));
setTimeout((a, b) => console.log(a, b), 1, "arg1", "arg2");
Promise.resolve().then(() => console.log("micro")); queueMicrotask(() => console.log("queued")); console.log("sync");
