const fail = () => { throw new RangeError("default") };
const arrow = async (a = fail()) => a;
async function declared({ b } = null) { return b }
const o = { async m([c] = fail()) { return c } };
console.log("calls do not throw");
for (const call of [() => arrow(), () => declared(), () => o.m(), () => arrow(1), () => declared({ b: 2 }), () => o.m([3])]) {
  try { call().then((v) => console.log("value", v), (e) => console.log("rejected", e.name)) } catch (e) { console.log("threw", e.name) }
}
