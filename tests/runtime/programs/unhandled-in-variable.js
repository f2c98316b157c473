const kept = (async function named() { await null; throw new Error("kept") })(); setTimeout(() => { console.log("too late"); kept.catch(() => {}) }, 20);
