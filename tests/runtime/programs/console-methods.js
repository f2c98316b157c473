console.table([{ a: 1, b: "x" }, { a: 2, c: true }]); console.table([[1, 2], [3, 4]]); console.table(5); console.table([{ a: 1, b: 2 }], ["b"]); console.table(new Map([["k", 1]])); console.table(new Set(["v"]));
console.group("group"); console.log("inside\ntwo lines"); console.group(); console.info({ a: [1, { b: 2 }] }); console.groupEnd(); console.groupEnd(); console.groupEnd(); console.log("outside");
console.count(); console.count("x"); console.count(); console.countReset(); console.count();
console.dir({ a: { b: { c: { d: {} } } } }, { depth: 0 }); console.debug("debug"); console.assert(true, "no");
const { log } = console; log("detached"); [1, 2].forEach(console.log);
