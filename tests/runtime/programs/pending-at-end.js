new Promise(() => {}); (async () => { await new Promise(() => {}); console.log("never") })(); console.log("ends");
