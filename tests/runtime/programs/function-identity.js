async function two(a, b) {}
const arrow = async (a, b = 1, ...rest) => {};
const named = async function inner(x) { return typeof inner };
const o = { async method(a) {}, async *gen() {} };
class C { static async s(a, b, c) {} }
console.log(two.length, arrow.length, named.length, o.method.length, C.s.length);
console.log(two.name, arrow.name, named.name, o.method.name, C.s.name);
console.log(two.constructor.name, arrow.constructor.name, o.method.constructor.name, (() => {}).constructor.name, o.gen.constructor.name);
console.log(Object.prototype.toString.call(two), Object.prototype.toString.call(arrow), Object.prototype.toString.call(() => {}), Object.prototype.toString.call(class {}));
console.log(C);
named().then(console.log);
