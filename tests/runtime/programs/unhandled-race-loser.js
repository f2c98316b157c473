Promise.race([Promise.resolve("winner"), (async () => { throw new Error("loser") })()]).then(console.log);
const settled = Promise.allSettled([Promise.reject(1), (async () => { throw 2 })()]); settled.then((s) => console.log(s.map((x) => x.status)));
