// Many questions at once, a few at a time, with a line that tells how far it is.
//
//   geppetto run samples/parallel.geppetto.js --no-stream
//   geppetto run samples/parallel.geppetto.js --no-stream -p count=200 -p width=50
//
// Streams run side by side by themselves; the work here is to not start all of them at the same moment, as most
// models allow only so many. `--no-stream` leaves the texts of the streams out of the output.

const count = Number(params.count ?? 40);
const width = Number(params.width ?? 10);
const model = new ChatStepFactory().newStep({ script: "parallel.model.yaml" });

/**
 * Does something with every item, at most `width` of them at the same time; results are in the order of the items.
 * @template Item, Result
 * @param {readonly Item[]} items
 * @param {number} width
 * @param {(item: Item) => Promise<Result>} work
 * @returns {Promise<Result[]>}
 */
async function inParallel(items, width, work) {
  /** @type {Result[]} */
  const results = [];
  const waiting = items.entries(); // one iterator, shared by all lanes
  const lane = async () => {
    for (const [i, item] of waiting) results[i] = await work(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}

const questions = Array.from({ length: count }, (_, i) => `Question ${i + 1}`);
let running = 0;
let most = 0;
let finished = 0;

const answers = await inParallel(questions, width, async (question) => {
  most = Math.max(most, ++running);
  const answer = await model.startStream(question).finalText();
  running--;
  finished++;
  if (finished % Math.ceil(count / 4) === 0 || finished === count) console.log(`${finished} of ${count} answered`);
  return answer;
});

const right = answers.filter((answer, i) => answer === `${questions[i]}? Forty-two, of course.`).length;
console.log(`${right} answers, each to its own question; never more than ${most} at the same time.`);
