const chatStep = new ChatStepFactory().newStep({ script: "model.yaml" });
const conv = "go on for ever";

const stream = chatStep.startStream(conv);
setTimeout(() => stream.cancel(), 100); // user stopped typing -> abort (after ten seconds on the page)

stream.on("interrupt", (event) => console.log("interrupt", event.text.startsWith("on and ")));
await stream.done();
console.log(stream.state);
// prints:
// interrupt true
// interrupt
