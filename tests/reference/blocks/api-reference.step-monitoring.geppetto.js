const step = echoStep;
const input = "one two";
const stepStats = {
    startTime: null,
    eventCount: 0,
    errors: []
};

const stepID = step.runWithEvents(input, function(event) {
    stepStats.eventCount++;
    
    if (event.type === "start") {
        stepStats.startTime = Date.now();
    } else if (event.type === "error") {
        stepStats.errors.push(event.error);
    } else if (event.type === "final") {
        const duration = Date.now() - stepStats.startTime;
        console.log("Step completed in", duration < 10000, "ms");
        console.log("Total events:", stepStats.eventCount);
    }
});
// prints:
// Step completed in true ms
// Total events: 4
