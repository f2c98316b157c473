const step = echoStep;
const input = "one two";
const processResult = (text) => console.log("processed", text);

// Process multiple embeddings efficiently
// (The guide assigns to `const embeddings`, which in JavaScript hides the global in its own initialiser.)
const texts = ["text1", "text2", "text3"];
const vectors = await Promise.all(
    texts.map(text => embeddings.generateEmbeddingAsync(text))
);
console.log(vectors.length);

// Use event filtering to handle only relevant events
const stepID = step.runWithEvents(input, function(event) {
    // Only handle final results for performance
    if (event.type === "final") {
        processResult(event.text);
    }
});
// prints:
// 3
// processed one two
