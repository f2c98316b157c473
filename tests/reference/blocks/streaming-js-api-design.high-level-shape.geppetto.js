const chatStep = new ChatStepFactory().newStep({ script: "model.yaml" });
const conversation = "Hi";
const options = {};

/**
 * Start the step and receive a stream of events.
 * Returns an iterable + helper methods.
 */
const stream = chatStep.startStream(conversation, options);
console.log(typeof stream[Symbol.asyncIterator], typeof stream.on, typeof stream.cancel, stream.stepID);
// prints:
// function function function <uuid>
