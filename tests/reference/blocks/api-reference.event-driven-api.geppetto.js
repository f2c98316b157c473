const step = doubleStep;

for (const input of /** @type {any[]} */ ([21, "no number"])) {
    const { promise: ended, resolve: end } = Promise.withResolvers();
    const stepID = step.runWithEvents(input, function(event) {
        // Handle different event types
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
                end(undefined);
                break;
                
            case "error":
                console.error("Step failed:", event.error);
                end(undefined);
                break;
                
            case "tool-call":
                console.log("Tool call:", event.toolCall.name, event.toolCall.input);
                break;
                
            case "tool-result":
                console.log("Tool result:", event.toolResult.result);
                break;
        }
    });

    console.log("Step execution started with ID:", stepID);
    await ended;
}
// prints:
// Step execution started with ID: <uuid>
// Step started
// Final result: 42
// Step execution started with ID: <uuid>
// Step started
// Step failed: doubleStep: a number is needed…
