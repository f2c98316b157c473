const model = new ChatStepFactory().newStep({ script: "many.model.yaml" });
const streams = Array.from({ length: 30 }, (_, i) => model.startStream(`Puppet ${i + 1}`));
const answers = await Promise.all(streams.map((stream) => stream.finalText()));
console.log("Answers:", answers.length);
