async function f(a) { const local = 1; return eval("a + local") } f(2).then(console.log);
eval("(async () => 'evaled')()").then(console.log); new Function("return (async (x) => x)(7)")().then(console.log);
