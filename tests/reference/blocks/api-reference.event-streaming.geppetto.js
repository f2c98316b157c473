const step = doubleStep;
const input = 21;

const stepID = step.runWithEvents(input, function(event) {
    console.log("Event type:", event.type);
    console.log("Event data:", event.step.stepId === stepID);
});

console.log("Step ID:", stepID);
// prints:
// Step ID: <uuid>
// Event type: start
// Event data: true
// Event type: final
// Event data: true
