const s = "a b"; // line ends here console.log(s.length); (async () => { console.log("ps") })(); /*   --> */ console.log("x")
