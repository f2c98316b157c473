console.log("before"); (async () => { null.x })(); console.log("after"); setTimeout(() => console.log("never"), 5);
