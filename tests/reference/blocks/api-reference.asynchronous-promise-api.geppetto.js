async function generateEmbedding(text) {
    try {
        const embedding = await embeddings.generateEmbeddingAsync(text);
        console.log("Embedding dimensions:", embedding.length);
        return embedding;
    } catch (err) {
        console.error("Failed to generate embedding:", err);
        throw err;
    }
}

// Usage
const embedding = await generateEmbedding("Hello, world!");
console.log(embedding instanceof Float32Array);
// prints:
// Embedding dimensions: 256
// true
