const circular = { name: "c" }; circular.self = circular; circular.list = [circular];
console.log(circular, [undefined, null, , 3], { a: { b: { c: { d: 1 } } } }, new Map([["k", { v: 1 }]]), new Set([1, "s"]), Symbol("sym"), 10n, -0, NaN);
console.log([1.5, "str", true], "top", "%s is %d and %i %f %j %o %O %%", "str", 42.5, 42.5, 1.5, { j: 1 }, [1], { o: 1 }, "extra");
console.log(new Date(0), /re/gi, new Error("msg").message, class Foo {}, function named() {}, () => {}, Object.create(null), new (class Bar { x = 1 })());
console.log({ get g() { return 1 }, set s(v) {}, "quoted-key": 2, f() {}, nested: [[[[1]]]] });
console.log(new Uint8Array(3), new WeakMap(), new Proxy({ a: 1 }, {}), [..."x".repeat(120)].length, Array(200).fill(0));
console.log("multi\nline", ["multi\nline"], { s: 'it\'s "quoted"' }, [''], -1n, [ -0 ], new Number(3), new String("boxed"), Object(1n));
console.log(); console.log(undefined); console.log(null, ""); console.log("%c styled", "color: red"); console.log("%s", Symbol("x"), "%s"); console.log("100%", 5);
