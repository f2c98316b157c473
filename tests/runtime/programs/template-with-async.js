const run = async (f) => await f();
(async () => { console.log(`one ${await run(async () => `two ${await run(async () => "three")}`)} four`) })();
