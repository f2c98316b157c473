let n = 0; function dive() { n++; dive() } try { dive() } catch (e) { console.log(e.name, n > 1000) }
async function adive() { await adive() } adive().catch((e) => console.log(e.name));
const logged = { toString() { console.log("in toString"); return "s" } };const logged = { toString() { console.log("in toString"); return "s" } }; console.log(`${logged}`);
