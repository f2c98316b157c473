const step = echoStep;
const input = "one two";
const updateUI = (delta) => console.log("update", delta);
const showFinalResult = (text) => console.log("show", text);

const stepID = step.runWithEvents(input, function(event) {
    // Only handle specific event types
    if (event.type === "partial") {
        updateUI(event.delta);
    } else if (event.type === "final") {
        showFinalResult(event.text);
    }
});
// prints:
// update one
// update  two
// show one two
