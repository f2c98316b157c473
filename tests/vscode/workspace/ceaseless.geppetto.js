const model = new ChatStepFactory().newStep({ script: "endless.model.yaml" });
await model.startStream("Never stop either.").finalText();
