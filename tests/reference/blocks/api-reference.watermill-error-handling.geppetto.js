const step = new ChatStepFactory().newStep({ script: "model.yaml" });
const input = "fail";

const stepID = step.runWithEvents(input, function(event) {
    if (event.type === "error") {
        console.error("Step failed:", event.error);
        // Handle error appropriately
        return;
    }
    
    // Process successful events
    console.log("Event:", event.type);
});
// prints:
// Event: start
// Event: partial
// Step failed: too many requests…
