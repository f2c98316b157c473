async function f() { try { return await Promise.reject(new Error("x")) } catch ({ message }) { return message } finally { console.log("finally") } }
async function g() { try { return "try" } finally { return "finally wins" } }
async function h() { for (const i of [1, 2]) try { continue } finally { await null; console.log("loop", i) } return "done" }
async function noAwait() { try { return Promise.reject(new Error("escapes")) } catch { return "caught" } }
Promise.all([f(), g(), h(), noAwait().catch((e) => e.message)]).then((all) => console.log(all));
