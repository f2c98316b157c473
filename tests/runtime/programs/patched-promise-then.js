const original = Promise.prototype.then; let calls = 0;
Promise.prototype.then = function (...args) { calls++; return original.apply(this, args) };
(async () => { await Promise.resolve(1); const before = calls; await (async () => 1)(); console.log("await calls", calls - before); Promise.resolve().catch(() => {}); console.log("catch calls", calls - before) })();
