function* g() { const f = async (x) => x; const got = yield f(1); console.log("got", got); yield* [2, 3]; return 4 }
const it = g(); it.next().value.then(console.log); console.log(it.next("sent"), it.next(), it.next(), it.next());
async function* ag(n) { try { for (let i = 0; i < n; i++) yield i } finally { console.log("cleanup") } }
class A { async *m() { yield* ag(2) } static async *s() { yield "s" } async *[Symbol.asyncIterator]() { yield "iter" } }
(async () => {
  for await (const v of new A().m()) console.log(v);
  for await (const v of A.s()) console.log(v);
  for await (const v of new A()) console.log(v);
  for await (const v of ag(9)) if (v === 1) break;
  for await (const v of [Promise.resolve("p"), "plain"]) console.log(v);
  const i = ag(1); console.log(await i.next(), await i.return("r"), await i.next());
  try { await ag(1).throw(new Error("thrown in")) } catch (e) { console.log(e.message) }
})();
