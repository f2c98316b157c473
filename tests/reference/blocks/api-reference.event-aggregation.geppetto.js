const step = echoStep;
const input = "one two";
let fullText = "";

const stepID = step.runWithEvents(input, function(event) {
    if (event.type === "partial") {
        // Build up complete text from deltas or use completion field
        fullText += event.delta;
        // Or alternatively: fullText = event.completion;
        console.log("Current text length:", fullText.length);
        console.log(fullText === event.completion);
    } else if (event.type === "final") {
        console.log("Final text:", event.text);
    }
});
// prints:
// Current text length: 3
// true
// Current text length: 7
// true
// Final text: one two
