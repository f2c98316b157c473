console.log(Promise.name, Promise.length, typeof Promise, Object.prototype.toString.call(Promise.resolve()));
try { Promise() } catch (e) { console.log(e.name, e.message) }
try { new Promise() } catch (e) { console.log(e.name, e.message) }
try { new Promise(5) } catch (e) { console.log(e.name, e.message) }
try { Promise.prototype.then.call({}, () => {}) } catch (e) { console.log(e.name) }
try { Promise.resolve.call(5) } catch (e) { console.log(e.name) }
console.log(new Promise(() => {}));
const p = Promise.resolve(1); console.log(Promise.resolve(p) === p, p instanceof Promise, (async () => {})() instanceof Promise);
Promise.any([Promise.reject(1), Promise.reject(2)]).catch((e) => console.log(e.constructor.name, e.errors, e.message));
Promise.allSettled([1, Promise.reject("no")]).then((r) => console.log(r));
new Promise((ok, no) => { ok(1); no(2); throw 3 }).then(console.log);
new Promise(() => { throw new Error("executor") }).catch((e) => console.log(e.message));
Promise.resolve(1).then(null).then(5).then(undefined, null).then(console.log);
const self = new Promise((r) => setTimeout(() => r(self))); self.catch((e) => console.log(e.name));
console.log(Object.getOwnPropertyNames(Promise.prototype).sort().join(), Promise.prototype.constructor.name);
