Promise.all([Promise.reject(new Error("one")), Promise.reject(new Error("two"))]); console.log("sync");
