// One script over many inputs: what is somebody writing about, and is it urgent?
//
//   geppetto run samples/map.geppetto.js -p text="The strings of my puppet have broken!"
//   geppetto map samples/map.geppetto.js samples/data/letters.jsonl --json --key id --out sorted.jsonl
//
// Each line of the file gives the params of one run. What a run prints becomes the `output` of its line in the results;
// with --json as the value that it is. Stop it with Ctrl-C and call it again: it does the rest.

/**
 * @param {string} [text] What somebody wrote.
 * @param {string} [id] Whose letter it is; only for --key.
 */

const text = String(params.text ?? "When does the workshop open on Mondays?");
const model = new ChatStepFactory().newStep({ script: "map.model.yaml" });
const answer = await model.startStream(`About what is this letter, in one word?\n\n${text}`).finalText();

console.log(JSON.stringify({ about: answer.trim().toLowerCase(), urgent: text.includes("!") }));
