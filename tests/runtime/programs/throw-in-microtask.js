queueMicrotask(() => { throw new Error("micro") }); setTimeout(() => console.log("never"), 10);
