const step = doubleStep;
const input = 21;

// The watermill-based API automatically cleans up resources
// No manual cleanup needed for step execution
const stepID = step.runWithEvents(input, function(event) {
    // Event handler automatically cleaned up when step completes
    console.log("Event:", event.type);
});

// The guide ends with `engine.Close()`, which is the host's to call: see the tests of the engine
console.log(typeof engine);
// prints:
// undefined
// Event: start
// Event: final
