delete globalThis.Promise; delete globalThis.JSON; delete globalThis.Object; delete globalThis.Array;
(async () => { await null; console.log("ok"); setTimeout(() => console.log("timer")) })();
