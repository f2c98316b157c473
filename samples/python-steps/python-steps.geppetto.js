// A step written in Python: streaming, typed results, and what happens to wrong input.
//
//   geppetto run samples/python-steps/python-steps.geppetto.js
//
// countWords is the class CountWords in text_steps.py; geppetto.toml beside it says so. The editor knows its types from
// Python. Code in Python can do whatever you can, so it runs only in folders you trust: `geppetto trust samples` once.

const text = "to be or not to be that is the question";

const counting = countWords.startStream({ text, top: 2 });
counting.on("partial", ({ delta }) => console.log("heard:", delta.trim()));
const end = await counting.done();
if (end.type === "final") {
  for (const { word, times } of end.result) console.log(`${word}: ${times} times`);
}

// The types are checked twice: by the editor as you write, and when the step is started.
/** @type {any} */
const wrong = { text, top: "two", order: "size" };
try {
  await countWords.startStream(wrong).finalText();
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
}
