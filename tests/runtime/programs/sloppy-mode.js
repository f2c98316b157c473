(async () => { implicit = 1; await null; console.log(implicit, delete globalThis.implicit) })();
with ({ w: 1 }) { (async () => console.log("with", w))() }
console.log(010, typeof undeclared);
var self = this; console.log(typeof this);
