const o = { get a() { return (async () => "ga")() }, set a(v) { (async () => { await null; console.log("set", v) })() }, async: async () => "async prop", async get() { return "method get" } };
o.a.then(console.log); o.a = 5; o.async().then(console.log); o.get().then(console.log);
