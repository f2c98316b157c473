const chatStep = new ChatStepFactory().newStep({ script: "model.yaml" });
const stream = chatStep.startStream("Hi");
const appendToUI = (text) => console.log("append", text);
const show = (text) => console.log("show", text); // the page calls done(), which here ends the run

for await (const e of stream) {
  if (e.type === 'partial') appendToUI(e.delta);
  if (e.type === 'final') show(e.text);
}
// prints:
// append Hello
// append , 
// append world!
// show Hello, world!
