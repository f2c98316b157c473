// An agent with tools: a model looks up parts, adds up prices and reserves stock, by calling functions of this
// program. It calls two at once, one fails, and it finds a way around. Then it is asked again, knowing what it did.
//
//   geppetto run samples/tools-agent.geppetto.js
//   geppetto run samples/tools-agent.geppetto.js --replay samples/cassettes/tools-agent.jsonl --pace live
//
// The second asks no model at all: it plays what was recorded with --record, and the functions run again.
//
// A tool is a function with a description and a JSON schema. Arguments are checked against the schema before the
// function runs; what it returns goes back to the model, and so does what it throws, as an error the model can
// act upon. The model is played from tools-agent.model.yaml, but the calls and their results are real.

/** @type {Map<string, { name: string, price: number, stock: number }>} */
const workshop = new Map([
  ["P-1", { name: "pine block", price: 12.5, stock: 3 }],
  ["P-2", { name: "walnut block", price: 31, stock: 1 }],
  ["J-1", { name: "ball joint", price: 1.2, stock: 40 }],
  ["S-1", { name: "silk string, 5 m", price: 4.8, stock: 12 }],
]);

const partNumber = /** @type {const} */ ({ type: "string", description: "A part number such as P-1" });
const count = /** @type {const} */ ({ type: "integer", minimum: 1 });

/** @param {string} number */
function part(number) {
  const found = workshop.get(number);
  if (found === undefined) throw new Error(`there is no part ${number}; there are ${[...workshop.keys()].join(", ")}`);
  return found;
}

defineTool({
  name: "find_parts",
  description: "Parts whose name contains a word, with price and stock",
  parameters: { type: "object", properties: { word: { type: "string" } }, required: ["word"] },
  handler: ({ word }) =>
    [...workshop]
      .filter(([, { name }]) => name.includes(word.toLowerCase()))
      .map(([number, { name, price, stock }]) => ({ number, name, price, stock })),
});

defineTool({
  name: "reserve",
  description: "Reserves a number of parts",
  parameters: { type: "object", properties: { part: partNumber, count }, required: ["part", "count"] },
  handler: ({ part: number, count }) => {
    const wanted = part(number);
    if (wanted.stock < count) throw new Error(`only ${wanted.stock} of ${wanted.name} left`);
    wanted.stock -= count;
    return `${count} × ${wanted.name} reserved`;
  },
});

defineTool({
  name: "total",
  description: "The price of several parts together, in euros, with 22 % tax",
  parameters: {
    type: "object",
    properties: {
      items: {
        type: "array",
        items: { type: "object", properties: { part: partNumber, count }, required: ["part", "count"] },
      },
    },
    required: ["items"],
  },
  handler: ({ items }) => {
    const net = items.reduce((sum, item) => sum + part(item.part).price * item.count, 0);
    return (net * 1.22).toFixed(2);
  },
});

const model = new ChatStepFactory().newStep({ script: "tools-agent.model.yaml" });
const conversation = new Conversation();

/** @param {string} question */
async function ask(question) {
  console.log(`\n> ${question}`);
  conversation.addMessage("user", question);
  // Tools run by themselves; this handler only tells of them.
  const stream = model.startStream(conversation);
  stream.on("tool-result", ({ toolResult }) => {
    if (toolResult.isError) console.log(`(${toolResult.result})`);
  });
  // Not the text alone: what it called and what it got belong to the conversation too.
  await conversation.addAnswer(stream);
}

await ask("I want to carve two small puppets. What do I need, and what does it cost?");
await ask("And which part did you try first?");

console.log("\nWhat the model knows:");
for (const message of conversation.getThread()) {
  if (message.type === "tool-use") console.log(`- it called ${message.name} ${JSON.stringify(message.input)}`);
  if (message.type === "tool-result") console.log(`  and got ${message.result}`);
}
console.log("What is left:");
for (const { name, stock } of workshop.values()) console.log(`- ${stock} × ${name}`);
