const fs = [
  async x => x, async (x) => x, async x => { return x }, async (x) => ({ x }), async x => (x, "seq"), async x => x ? "yes" : "no",
  async x => y => x + y, async x => async y => x + y, async ({ length }) => length, async (...x) => x.length, async ([x]) => x, async (x,) => x,
];
(async () => { for (const f of fs) { let v = await f("ab"); if (typeof v === "function") v = await v("c"); console.log(v) } })();
const cond = true ? async () => "t" : async () => "f", obj = { k: async () => "k", ["c" + 1]: async () => "c1" };
(cond || async function () {})().then(console.log), obj.k().then(console.log), obj.c1().then(console.log);
(async function () { console.log("iife") })(), (async () => console.log("arrow iife"))(), void async function () { console.log("void") }(), !async function () { console.log("bang") }();
