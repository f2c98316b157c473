[1].forEach(async (x) => { await x; throw new Error("forEach") });
