const Native = Promise; globalThis.Promise = class Fake { constructor() { throw new Error("fake") } };
(async () => { await null; return "v" })().then((v) => { console.log(v); globalThis.Promise = Native; Native.resolve("n").then(console.log) });
