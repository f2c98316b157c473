class A { async hi() { return "A.hi" } static async make() { return "A.make" } get v() { return "A.v" } }
class B extends A {
  async hi() { const one = await super.hi(); const two = await (async () => super.hi())(); return [one, two, super.v].join() }
  static async make() { return `B+${await super.make()}` }
}
const base = { async greet(who) { return `base ${who}` } };
const derived = { __proto__: base, async greet(who) { return `${await super.greet(who)}!` } };
Promise.all([new B().hi(), B.make(), derived.greet("x")]).then((all) => console.log(all));
