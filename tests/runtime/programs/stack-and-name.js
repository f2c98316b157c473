async function namedOne() { await null; throw new Error("x") }
namedOne().catch((e) => console.log(/namedOne/.test(e.stack), e.stack.split("\n")[0]));
Error.prepareStackTrace = (e, frames) => `custom ${typeof frames.length}`; console.log(new Error("y").stack); Error.prepareStackTrace = undefined; Error.stackTraceLimit = 0; console.log(new Error("z").stack);
