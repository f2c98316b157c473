Promise.resolve(1).then(() => { throw new TypeError("chain") }).then(() => console.log("no")).finally(() => console.log("finally ran"));
