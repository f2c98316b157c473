// A model answers, and every word is shown as it comes.
//
//   geppetto run samples/hello-stream.geppetto.js
//
// No key, no network: the model is played from the file beside this one. For a real one, configure it
// (`geppetto doctor` tells how) and write `chatStep` for `model`.

const model = new ChatStepFactory().newStep({ script: "hello-stream.model.yaml" });

let pieces = 0;
const stream = model.startStream("Who are you?");
for await (const event of stream) {
  if (event.type === "partial") pieces++;
}
const text = await stream.finalText();
console.log(`\n${pieces} pieces, ${text.length} characters.`);
