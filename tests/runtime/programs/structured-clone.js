const d = structuredClone({ date: new Date(0), map: new Map([[1, { a: 1 }]]), set: new Set([1]), re: /x/g, nested: [undefined, null, 1n], err: new RangeError("r") });
console.log(d.date.getTime(), d.map.get(1), d.set.has(1), d.re.flags, d.nested, d.err.name, d.err.message); const c = {}; c.c = c; console.log(structuredClone(c).c !== c);
try { structuredClone(() => {}) } catch (e) { console.log(e.name) } try { structuredClone(Symbol()) } catch (e) { console.log(e.name) }
