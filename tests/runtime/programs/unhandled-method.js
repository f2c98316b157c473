class A { async m() { throw new Error("method") } get p() { return this.m() } } new A().p; console.log("sync");
