(async () => { try { throw undefined } catch (e) { console.log("caught", e) } })(); throw undefined;
