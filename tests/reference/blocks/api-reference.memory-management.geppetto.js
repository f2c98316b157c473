// Consider memory usage for embeddings
const model = embeddings.getModel();
const memoryPerEmbedding = model.dimensions * 4; // bytes per float32
console.log(memoryPerEmbedding);
// prints:
// 1024
