const AsyncFunction = (async () => {}).constructor;
const f = new AsyncFunction("a", "b", "return (await a) + b");
f(Promise.resolve(1), 2).then((v) => console.log(v, f.name));
console.log((async () => {}) instanceof AsyncFunction, (() => {}) instanceof AsyncFunction, (async () => {}) instanceof Function);
