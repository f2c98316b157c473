const f = new Proxy(async (x) => x, { apply(t, self, args) { return Reflect.apply(t, self, args.map((a) => a * 2)) } }); f(21).then(console.log);
