const a = new Error("a"); const b = new Error("b", { cause: a }); a.cause = b; Object.freeze(a); console.log("x"); throw b;
