const step = doubleStep;

for (const input of /** @type {any[]} */ ([21, "no number"])) {
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
                break;
                
            case "error":
                console.error("Step failed:", event.error);
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
    await new Promise((resolve) => setTimeout(() => resolve(undefined), 100));
}
// prints:
// Step execution started with ID: <uuid>
// Step started
// Final result: 42
// Step execution started with ID: <uuid>
// Step started
// Step failed: doubleStep: a number is needed…
