const one = "un bastone";
const two = "due bastoni";
console.log("first", one);
console.log("second", two);
