const re = /async () => {}|async function f\(\) \{ \}/, s = "async () => { return 1 }", t = `async () => { ${(async () => 1) ? "async x => x" : ""} }`;
console.log(re.source, s, t);
console.log("a/b/c".split(/\//).length, 4 / 2 / 1, `async function f() { return ${`nested ${"async () => 1"}`} }`);
// async function commented() {
/* async () => { */
const tagged = (strings, ...values) => strings.raw.join("|") + values.length;
console.log(tagged`async () => ${1} \n ${async () => {}}`);
