console.log("a");
(async () => {
  await null;
  console.log(`x
y`.length)
})();
// async () => {console.log("after CR");
