const text = "Hello, world!";
try {
    const embedding = embeddings.generateEmbedding(text);
    // Returns: Float32Array of dimensions length
    console.log("Embedding dimensions:", embedding.length);
    console.log(embedding instanceof Float32Array);
} catch (err) {
    console.error("Failed to generate embedding:", err);
}
// prints:
// Embedding dimensions: 256
// true
