const a = 1
async function f() { return "f" }
const b = async () => "b"
;[1].forEach(() => {})
const c = async x => x
const d = async (x) => x /* comment */
var async = 3
async
function g() { return async }
const h = async
  (1 ? (x) => x : 0)
console.log(a, async)
f().then(console.log); b().then(console.log); c("c").then(console.log); d("d").then(console.log); console.log(g())
