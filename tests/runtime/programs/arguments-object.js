async function f() { return [arguments.length, [...arguments], typeof arguments.callee] }
async function g(a, b = arguments[0]) { return [a, b, arguments.length] }
function outer() { const inner = async () => [...arguments]; return inner("not these") }
async function outer2(x) { const inner = async (y) => [...arguments, y]; return inner("y") }
async function strict() { "use strict"; return arguments.length }
async function assign(a) { arguments[0] = "changed"; return arguments[0] }
const o = { async m() { return Array.from(arguments) } };
Promise.all([f(1, 2, 3), g(7), g(7, undefined), g(), outer("o1", "o2"), outer2("x"), strict(1, 2), assign(1), o.m("p", "q")]).then((all) => console.log(JSON.stringify(all)));
