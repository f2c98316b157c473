// Finds the notes that are nearest in meaning to a question, then has a model answer from them.
//
//   geppetto run samples/semantic-search.geppetto.js
//   geppetto run samples/semantic-search.geppetto.js -p question="How do I repair a broken joint?"
//   geppetto run samples/semantic-search.geppetto.js --replay samples/cassettes/semantic-search.jsonl
//
// The last makes no embedding and asks no model: both were recorded, with --record.
//
// With nothing configured, embeddings are made offline from the words of a text ("hashing-256"): good enough to
// try things out, blind to synonyms. A real model needs no change here.

import notes from "./data/notes.json";

/**
 * How alike two vectors are, from -1 to 1.
 * @param {Float32Array} a
 * @param {Float32Array} b
 */
function cosine(a, b) {
  let dot = 0;
  let lengthA = 0;
  let lengthB = 0;
  for (const [i, x] of a.entries()) {
    const y = b[i] ?? 0;
    dot += x * y;
    lengthA += x * x;
    lengthB += y * y;
  }
  return dot / (Math.sqrt(lengthA) * Math.sqrt(lengthB) || 1);
}

const question = String(params.question ?? "How long does the glue on a joint have to dry?");
console.log(`${question}\n`);

// What is asked for at once, in one tick, is one request to the provider: no loop with `await` in it.
const [asked, ...vectors] = await Promise.all(
  [question, ...notes.map((note) => note.text)].map((text) => embeddings.generateEmbeddingAsync(text)),
);
if (asked === undefined) throw new Error("the provider returned nothing");

const found = notes
  .map((note, i) => ({ title: note.title, text: note.text, score: cosine(asked, vectors[i] ?? asked) }))
  .sort((a, b) => b.score - a.score)
  .slice(0, 3);
console.table(found.map(({ title, score }) => ({ title, score: score.toFixed(2) })));

const best = found.map((note) => `${note.title}: ${note.text}`).join("\n");
const model = new ChatStepFactory().newStep({ script: "semantic-search.model.yaml" });
await model.startStream(`Answer from these notes:\n${best}\n\nQuestion: ${question}`).finalText();
