const sym = Symbol("s");
const o = {
  async get() { return "get" },
  async set(v) { return v },
  async async() { return "async" },
  async await() { return "await" },
  async "quoted name"() { return "quoted" },
  async 42() { return 42 },
  async [sym]() { return "symbol" },
  async [`tem${"plate"}`]() { return "template" },
  async static() { return "static" },
};
class P { async #secret(x) { return x * 2 } reveal(x) { return this.#secret(x) } static async #s() { return "ps" } static s() { return P.#s() } }
Promise.all([o.get(), o.set(5), o.async(), o.await(), o["quoted name"](), o[42](), o[sym](), o.template(), o.static(), new P().reveal(21), P.s()])
  .then((all) => console.log(all));
console.log(o.get.name, o.async.name, o[sym].name, o[42].name, o["quoted name"].name);
