JSON.stringify = () => { throw new Error("patched") }; JSON.parse = () => { throw new Error("patched") }; String.prototype.split = String.prototype.replace = RegExp.prototype.exec = () => { throw new Error("patched") };
Object.keys = Object.assign = () => { throw new Error("patched") };
(async () => { await null; console.log("works", 1, "string"); setTimeout(() => console.log("timer")) })();
