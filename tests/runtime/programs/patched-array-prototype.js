Array.prototype.push = () => { throw new Error("push") }; Array.prototype.map = Array.prototype.join = Array.prototype.slice = () => { throw new Error("patched") };
(async () => { await null; console.log("still works"); setTimeout(() => console.log("timer"), 1) })();
