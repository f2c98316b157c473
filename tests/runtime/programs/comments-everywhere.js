async /* one */ function /* two */ f /* three */ ( /* four */ a /* five */ ) /* six */ { /* seven */ return a /* eight */ } // nine
const g = async /* a */ ( x /* b */ ) /* c */ => /* d */ x /* e */; // f
const h = async x /* g */ => // h
  x
class A { /* i */ async /* j */ m /* k */ () /* l */ { return "m" } static /* x */ async /* y */ n() { return "n" } }
Promise.all([f(1), g(2), h(3), new A().m(), A.n()]).then((all) => console.log(all));
