var async = (x) => `called ${x}`;
console.log(async(1), async (2));
const o = { async, get async2() { return 1 } };
console.log(o.async("o"));
async: for (const a of [1, 2]) { for (;;) continue async }
class A { async = 1; static async = 2; "async"() {} }
console.log(new A().async, A.async);
var of = [1]; for (async of => {}; false;) ;
console.log(typeof async);
