const model = embeddings.getModel();
// Returns: { name: string, dimensions: number }
console.log("Using model:", model.name);
console.log("Vector dimensions:", model.dimensions);
// prints:
// Using model: hashing-256
// Vector dimensions: 256
