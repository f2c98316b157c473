const o = { name: "o", async m() { return this?.name }, arrow: async () => typeof this, nested() { return (async () => this.name)() } };
async function sloppy() { return this === globalThis }
async function strict() { "use strict"; return this }
const detached = o.m;
Promise.all([o.m(), o.nested(), sloppy(), strict(), sloppy.call(5), strict.call(5), detached.call({ name: "other" }), o.m.bind({ name: "bound" })()]).then((all) => console.log(all));
