const v = await (async () => 5)(); console.log(v);
for await (const x of [1, Promise.resolve(2)]) console.log(x);
const f = async () => await v; console.log(await f(), await null ?? "nullish");
if (await true) { console.log("block await") }
label: { await 0; break label }
console.log(`${await "template"}`, [await 1, ...(await [2])], { k: await "v" });
try { await Promise.reject(new Error("caught at top")) } catch (e) { console.log(e.message) }
