const model = new ChatStepFactory().newStep({ script: "story.model.yaml" });
const text = await model.startStream("Tell me a story.").finalText();
console.log("The end, after", text.length, "characters.");
