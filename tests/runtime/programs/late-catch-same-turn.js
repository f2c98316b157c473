const p = Promise.reject(new Error("late")); Promise.resolve().then(() => Promise.resolve()).then(() => p.catch((e) => console.log("caught", e.message)));
const q = (async () => { throw new Error("q") })(); (async () => { await null; await null; try { await q } catch (e) { console.log(e.message) } })();
