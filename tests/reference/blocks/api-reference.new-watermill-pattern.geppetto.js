const step = echoStep;
const input = "one two";

// New event-driven API with real-time streaming
const stepID = step.runWithEvents(input, function(event) {
    switch(event.type) {
        case "final":
            console.log("Result:", event.text);
            break;
        case "error":
            console.error("Error:", event.error);
            break;
        case "partial":
            console.log("Streaming:", event.delta);
            break;
    }
});
// prints:
// Streaming: one
// Streaming:  two
// Result: one two
