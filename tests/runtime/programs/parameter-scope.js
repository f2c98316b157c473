let x = "outer";
async function f(a = x, g = () => x) { var x = "inner"; return [a, g(), x] }
async function h(a, b = () => a) { a = "changed"; return b() }
const destructured = async ({ p: [q, ...r] = [], ...others } = {}, ...rest) => [q, r, others, rest];
Promise.all([f(), h("orig"), destructured({ p: [1, 2, 3], z: 9 }, "r1")]).then((all) => console.log(JSON.stringify(all)));
