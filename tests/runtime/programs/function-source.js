async function two(a, b) { return a + b; }
const arrow = async (a) => { const inner = async x => x; return inner(a); };
class C { async m(x = 1) { return x } static async [`k`]() {} }
const o = { async spaced ( a ) { } };
console.log(String(two));
console.log(arrow.toString());
console.log(C.prototype.m.toString(), C.k.toString(), o.spaced.toString());
console.log(String(C));
console.log((function plain() { return async () => 1 }).toString());
console.log(Function.prototype.toString.call(Math.max));
