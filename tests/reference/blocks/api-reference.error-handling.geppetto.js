const step = doubleStep;
const input = /** @type {any} */ ("x");
const text = "Hello";

// Handle errors in event streams
const stepID = step.runWithEvents(input, function(event) {
    if (event.type === "error") {
        console.error("Step failed:", event.error);
        // Handle error appropriately
        return;
    }
    
    // Process successful events
    console.log("Event:", event.type);
});

// Handle embeddings errors
try {
    const embedding = await embeddings.generateEmbeddingAsync(text);
    // Process embedding
    console.log(embedding.length);
    await embeddings.generateEmbeddingAsync(/** @type {any} */ (42));
} catch (err) {
    console.error("Embedding generation failed:", err.message);
}
// in any order:
// Event: start
// Step failed: doubleStep: a number is needed…
// 256
// Embedding generation failed: argument 'text' must be a string, not 42
