class MyError extends Error { constructor(m, extra) { super(m); this.name = "MyError"; this.extra = extra } }
(async () => {
  try { await (async () => { throw new MyError("m", { a: 1 }) })() } catch (e) { console.log(e instanceof MyError, e.name, e.message, e.extra, typeof e.stack, String(e)) }
  const agg = new AggregateError([new Error("x")], "agg"); console.log(agg.errors.length, agg.message);
  const caused = new Error("outer", { cause: new TypeError("inner") }); console.log(caused.cause.message, "cause" in new Error("none"));
  try { null.foo } catch (e) { console.log(e.message) } try { undefinedName } catch (e) { console.log(e.message) } try { (void 0)() } catch (e) { console.log(e.message) }
})();
