console.log(typeof early, typeof later);
early().then(console.log);
async function early() { return "early" }
var later = async () => "later";
{ async function blocky() { return "block" } blocky().then(console.log) }
