async function* g() { yield 1; throw new Error("in generator") } const i = g(); i.next().then(() => { i.next() }); console.log("x");
