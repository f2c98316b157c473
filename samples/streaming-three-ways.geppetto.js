// The same stream, read in three ways: a loop, an emitter, and functions in the options. Take the one that fits.
//
//   geppetto run samples/streaming-three-ways.geppetto.js
//
// Every way sees the same events: `start`, then any number of `partial`, `tool-call` and `tool-result`, and at
// the end one of `final`, `error` and `interrupt`.

const text = "One voice, three listeners.";

// 1. A loop: for code that reads from top to bottom. Leaving the loop cancels the stream.
let longest = "";
for await (const event of echoStep.startStream(text)) {
  if (event.type !== "partial") continue;
  const word = event.delta.trim();
  if (word.length > longest.length) longest = word;
}
console.log("loop: the longest word is", longest);

// 2. An emitter: for several listeners that know nothing of each other. `on` can be chained.
let pieces = 0;
const stream = echoStep
  .startStream(text)
  .on("partial", () => pieces++)
  .on("final", (event) => console.log("emitter:", pieces, "pieces,", event.text.length, "characters"))
  .on("error", (event) => console.error("emitter:", event.error));
await stream.done();

// 3. Functions in the options: for listeners that are known beforehand.
await echoStep
  .startStream(text, {
    onStart: (event) => console.log("options: a step of type", event.step.type, "begins"),
    onFinal: (event) => console.log("options:", event.text.toUpperCase()),
    onError: (event) => console.error("options:", event.error),
  })
  .done();

// Whichever way: the stream itself knows how it ended, and what was said.
console.log(stream.state, "·", stream.text);
