const log = [];
const p = async (n) => { log.push(`${n}1`); await null; log.push(`${n}2`); await undefined; log.push(`${n}3`) };
p("a"); p("b");
Promise.resolve().then(() => log.push("t1")).then(() => log.push("t2")).then(() => log.push("t3"));
queueMicrotask(() => log.push("q1"));
(async () => { await p("c"); log.push("after c") })();
(async () => { log.push(await (async () => "nested")()) })();
setTimeout(() => console.log(log.join(" ")));
