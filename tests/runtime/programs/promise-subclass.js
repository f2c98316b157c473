class MyPromise extends Promise {
  constructor(executor) { super(executor); this.tag = "mine" }
  shout() { return this.then((v) => String(v).toUpperCase()) }
}
const p = new MyPromise((r) => r("hey"));
console.log(p instanceof Promise, p instanceof MyPromise, p.tag, p.constructor === MyPromise, MyPromise.resolve(1) instanceof MyPromise);
console.log(p.then(() => {}) instanceof MyPromise, p.catch(() => {}).tag, p.finally(() => {}).tag, MyPromise.all([]) instanceof MyPromise);
p.shout().shout().then(console.log);
(async () => { console.log(await p, await MyPromise.all([1, p]), await MyPromise.race([p]), await MyPromise.allSettled([MyPromise.reject(1)]), await MyPromise.any([p])) })();
class Plain extends Promise { static get [Symbol.species]() { return Promise } }
console.log(new Plain((r) => r()).then(() => {}) instanceof Plain);
const { promise, resolve } = MyPromise.withResolvers ? MyPromise.withResolvers() : { promise: new MyPromise((r) => r()), resolve() {} };
console.log(promise.tag); resolve();
