const throwing = { get bad() { throw new Error("getter ran") }, ok: 1 };
console.log(throwing);
let deep = {}; const root = deep; for (let i = 0; i < 20000; i++) deep = deep.next = {}; console.log(root);
let nest = []; for (let i = 0; i < 5000; i++) nest = [nest]; console.log(nest);
console.log({ constructor: "fake" }, { __proto__: { inherited: 1 }, own: 2 });
console.log(Object.create({ get constructor() { throw 1 } }));
