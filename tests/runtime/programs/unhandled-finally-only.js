(async () => { try { throw new Error("boom") } finally { console.log("cleanup") } })().finally(() => console.log("f2"));
