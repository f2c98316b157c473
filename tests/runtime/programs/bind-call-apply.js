async function f(a, b) { return [this?.x, a, b] }
Promise.all([f.call({ x: 1 }, 2, 3), f.apply({ x: 4 }, [5, 6]), f.bind({ x: 7 }, 8)(9), Reflect.apply(f, { x: 0 }, [1])]).then((all) => console.log(JSON.stringify(all)));
console.log(f.bind(null, 1).length, f.bind(null).name);
