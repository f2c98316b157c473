(async () => {
  outer: for (const a of [1, 2, 3]) { inner: for await (const b of [1, 2, 3]) { if (b === 2) continue outer; if (a === 3) break outer; console.log(a, b) } }
  block: { await null; if (true) break block; console.log("never") }
  do { await 0 } while (false);
  switch (await 2) { case await 2: console.log("case"); break; default: console.log("default") }
})();
