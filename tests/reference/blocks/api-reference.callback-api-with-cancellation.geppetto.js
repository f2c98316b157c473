const text = "Hello, world!";
const cancel = embeddings.generateEmbeddingWithCallbacks(text, {
    onSuccess: (embedding) => {
        console.log("Embedding generated:", embedding.length);
    },
    onError: (err) => {
        console.error("Error:", err);
    }
});

// Cancel the operation if needed (the guide waits five seconds)
setTimeout(() => {
    cancel();
    console.log("cancelled: nothing was left to cancel");
}, 1000);

// Cancelled in time, neither is called
embeddings.generateEmbeddingWithCallbacks(text, { onSuccess: console.log, onError: console.error })();
// prints:
// Embedding generated: 256
// cancelled: nothing was left to cancel
