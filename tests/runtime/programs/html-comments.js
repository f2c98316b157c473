<!-- async () => { this is a comment
console.log("html comment");
--> async function also() {
const x = 1; /* block
*/ --> after a block comment
console.log(x);
