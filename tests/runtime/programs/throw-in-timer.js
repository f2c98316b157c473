setTimeout(() => { throw new Error("timer") }); setTimeout(() => console.log("never"), 30); console.log("sync");
