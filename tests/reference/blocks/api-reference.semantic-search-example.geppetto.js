// Function to compute cosine similarity between vectors
function cosineSimilarity(a, b) {
    let dotProduct = 0;
    let normA = 0;
    let normB = 0;
    
    for (let i = 0; i < a.length; i++) {
        dotProduct += a[i] * b[i];
        normA += a[i] * a[i];
        normB += b[i] * b[i];
    }
    
    return dotProduct / (Math.sqrt(normA) * Math.sqrt(normB));
}

// Async semantic search implementation
async function semanticSearch(query, documents) {
    try {
        // Generate query embedding
        const queryEmbedding = await embeddings.generateEmbeddingAsync(query);
        
        // Generate document embeddings
        const documentEmbeddings = await Promise.all(
            documents.map(doc => embeddings.generateEmbeddingAsync(doc))
        );
        
        // Calculate similarities
        const similarities = documentEmbeddings.map(docEmb => 
            cosineSimilarity(queryEmbedding, docEmb)
        );
        
        // Find best match
        const bestMatchIndex = similarities.indexOf(Math.max(...similarities));
        return {
            document: documents[bestMatchIndex],
            similarity: similarities[bestMatchIndex]
        };
    } catch (err) {
        console.error("Semantic search failed:", err);
        throw err;
    }
}

// Usage
const result = await semanticSearch("machine learning", [
    "Deep learning uses neural networks",
    "Cooking recipes for beginners", 
    "AI and machine learning concepts"
]);
console.log(result.document, result.similarity > 0.3);
// prints:
// AI and machine learning concepts true
