const thenable = (v, log) => ({ then(ok, no) { log && console.log("then called", typeof ok, typeof no); ok(v) } });
(async () => {
  console.log(await thenable(1, true), await thenable(thenable(2)));
  try { await { then(ok, no) { no(new Error("refused")) } } } catch (e) { console.log(e.message) }
  try { await { get then() { throw new Error("getter") } } } catch (e) { console.log(e.message) }
  console.log(await { then: 5 }, await { then: null });
  console.log(await (async () => thenable("returned"))());
  console.log(await Promise.all([thenable("a"), thenable("b")]), await Promise.race([thenable("r")]));
  try { await { then(ok) { ok("first"); throw new Error("ignored") } }; console.log("fine") } catch (e) { console.log(e.message) }
})();
