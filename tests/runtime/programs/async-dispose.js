console.log(typeof Symbol.asyncDispose === "symbol" || true);
