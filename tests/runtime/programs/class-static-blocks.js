class A {
  static ready; static log = [];
  static { this.ready = (async () => { A.log.push("static async"); return this.name })() }
  static { A.log.push("sync block") }
  field = async () => this.constructor.name;
  static sf = async () => this.name;
}
console.log(A.log); A.ready.then(console.log); new A().field().then(console.log); A.sf().then(console.log);
