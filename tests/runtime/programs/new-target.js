async function f() { return new.target === undefined }
class A { constructor() { this.t = (async () => new.target.name)() } }
Promise.all([f(), new A().t]).then((all) => console.log(all));
