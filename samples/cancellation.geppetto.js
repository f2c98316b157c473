// Stopping a stream: by hand, by leaving a loop, after a time, and several at once.
//
//   geppetto run samples/cancellation.geppetto.js
//
// A stream that is stopped ends with an `interrupt` event, and keeps what was said until then. That is no error.
// Ctrl-C does the same to every stream of the program.

// A model that has a lot to say: a word every 10 ms, for ten seconds.
const model = new ChatStepFactory().newStep({ script: "cancellation.model.yaml" });

// 1. By hand. `cancel()` is done when the stream has ended; calling it again does nothing.
const stream = model.startStream("Tell me everything.");
stream.on("partial", (event) => {
  if (event.completion.length > 20) void stream.cancel();
});
stream.on("interrupt", (event) => console.log("by hand: it had said", JSON.stringify(event.text.slice(0, 11)), "…"));
const last = await stream.done();
console.log("by hand:", last.type);

// 2. By leaving the loop of the only reader.
const counted = model.startStream("Count with me.");
let pieces = 0;
for await (const event of counted) {
  if (event.type === "partial" && ++pieces === 3) break;
}
await counted.done();
console.log("by break:", counted.state);

// 3. After a time. Any AbortSignal will do, this one stops after 200 ms.
const hurried = model.startStream("Be quick!", { signal: AbortSignal.timeout(200) });
const ended = await hurried.done();
console.log("by time:", ended.type);

// 4. Several at once, with one signal.
const controller = new AbortController();
const { signal } = controller;
const streams = ["one", "two", "three"].map((name) => model.startStream(name, { signal }));
setTimeout(() => controller.abort(), 100);
const endings = await Promise.all(streams.map((each) => each.done()));
console.log("by signal:", endings.map((each) => each.type).join(", "));

// 5. At the end of a block, whatever happens in it.
/** @param {string} question */
async function firstWord(question) {
  await using answer = model.startStream(question);
  for await (const event of answer) if (event.type === "partial") return event.delta.trim();
  return "";
}
console.log("by block:", await firstWord("Just one word."));
