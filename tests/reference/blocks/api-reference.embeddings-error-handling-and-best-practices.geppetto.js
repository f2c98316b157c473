const text = "Hello, world!";
const handleSuccess = (embedding) => console.log("success:", embedding.length);
const handleError = (error) => console.log("error:", error.message);

// Always handle errors appropriately
try {
    const embedding = await embeddings.generateEmbeddingAsync(text);
    // Process embedding...
} catch (err) {
    console.error("Failed to generate embedding:", err);
    // Handle error appropriately
}

// Resource management - consider memory usage
const model = embeddings.getModel();
const memoryPerEmbedding = model.dimensions * 4; // 4 bytes per float32

// Calculate memory for batch processing
const batchSize = 1000;
const estimatedMemory = memoryPerEmbedding * batchSize;
console.log(`Estimated memory usage: ${estimatedMemory / 1024 / 1024} MB`);

// Use cancellation for long-running operations
let cancel;

function startEmbedding() {
    cancel = embeddings.generateEmbeddingWithCallbacks(text, {
        onSuccess: handleSuccess,
        onError: handleError
    });
}

function stopEmbedding() {
    if (cancel) {
        cancel();
        cancel = null;
    }
}

startEmbedding();
stopEmbedding();
startEmbedding();
// prints:
// Estimated memory usage: 0.9765625 MB
// success: 256
