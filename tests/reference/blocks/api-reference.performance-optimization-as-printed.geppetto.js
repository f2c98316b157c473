// As printed in the guide: JavaScript itself refuses it, in every engine.
const texts = ["text1", "text2", "text3"];
const embeddings = await Promise.all(
    texts.map(text => embeddings.generateEmbeddingAsync(text))
);
// fails: ReferenceError: Cannot access 'embeddings' before initialization
