const key = "made";
class A {
  list = [1, 2]
  async [key]() { return this.list.length }
  count = 3
  async in() { return "in" }
  async instanceof() { return "instanceof" }
  static total = 1
  static async [key]() { return "static" }
}
const a = new A();
Promise.all([a.made(), a.in(), a.instanceof(), A.made()]).then((all) => console.log(...all));
