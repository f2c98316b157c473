const model = new ChatStepFactory().newStep({ script: "flood.model.yaml" });
const text = await model.startStream("Let it rain.").finalText();
console.log("Rain:", text.length);
