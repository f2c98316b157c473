// A model answers, and every word is shown as it comes.
const model = new ChatStepFactory().newStep({ script: "story.model.yaml" });
const stream = model.startStream("Tell me a story.");
const story = await stream.finalText();
console.log("The end, after", story.length, "characters.");
