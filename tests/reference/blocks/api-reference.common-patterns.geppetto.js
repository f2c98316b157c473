const step = new ChatStepFactory().newStep({ script: "model.yaml" });
defineTool({ name: "searchCode", description: "Searches", handler: () => "in main.go" });
const input = "use the tool";
console.log = ((log) => (...values) => log(...values.map((/** @type {any} */ value) => (value.type ? "{event}" : value))))(console.log);

// Event-driven step execution with streaming
const stepID = step.runWithEvents(input, function(event) {
    console.log("Event:", event.type, event);

    switch(event.type) {
        case "start":
            console.log("Step started");
            break;
        case "partial":
            console.log("Partial result:", event.delta);
            console.log("Full completion so far:", event.completion);
            break;
        case "final":
            console.log("Final result:", event.text);
            break;
        case "error":
            console.error("Step error:", event.error);
            break;
        case "tool-call":
            console.log("Tool call:", event.toolCall.name, event.toolCall.input);
            break;
        case "tool-result":
            console.log("Tool result:", event.toolResult.result);
            break;
    }
});

console.log("Step ID:", stepID);
// prints:
// Step ID: <uuid>
// Event: start {event}
// Step started
// Event: partial {event}
// Partial result: I look. 
// Full completion so far: I look. 
// Event: tool-call {event}
// Tool call: searchCode { query: 'main' }
// Event: tool-result {event}
// Tool result: in main.go
// Event: partial {event}
// Partial result: 
//
// Found it.
// Full completion so far: I look. 
//
// Found it.
// Event: final {event}
// Final result: I look. 
//
// Found it.
