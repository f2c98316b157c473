// Process multiple texts with Promise.all
const texts = [
    "First document",
    "Second document", 
    "Third document"
];

async function batchProcess(texts) {
    try {
        // In the guide this is called `embeddings`, which hides the global from its own initialiser: see
        // api-reference.performance-optimization
        const vectors = await Promise.all(
            texts.map(text => embeddings.generateEmbeddingAsync(text))
        );
        return vectors;
    } catch (err) {
        console.error("Batch processing failed:", err);
        throw err;
    }
}

const allEmbeddings = await batchProcess(texts);
console.log(allEmbeddings.map((embedding) => embedding.length));
// prints:
// [ 256, 256, 256 ]
