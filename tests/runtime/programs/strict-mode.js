"use strict";
async function f() { return this }
const g = async function () { return this === undefined };
f().then(console.log); g().then(console.log);
try { undeclared = 1 } catch (e) { console.log(e.name) } (async () => { undeclared2 = 1 })().catch((e) => console.log(e.name));
