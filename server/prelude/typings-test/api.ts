// What scripts may and may not write: compiled, never run.

/** Compiles only if the two types are the same. */
function same<A, B>(_proof: [A] extends [B] ? ([B] extends [A] ? true : false) : false): void {}

// Streams: events narrow by their type, handlers get exactly their event.
const stream = chatStep.startStream("Hello", { model: "m", temperature: 0, signal: AbortSignal.timeout(10) });
for await (const event of stream) {
  same<typeof event, StreamEvent<string>>(true);
  switch (event.type) {
    case "start":
      event.step.stepId.length;
      // @ts-expect-error only partial events have a delta
      event.delta;
      break;
    case "partial":
      same<typeof event.delta, string>(true);
      same<typeof event.completion, string>(true);
      break;
    case "tool-call":
      same<typeof event.toolCall.input, JsonValue | undefined>(true);
      event.toolCall.rawInput.length;
      break;
    case "tool-result":
      same<typeof event.toolResult.isError, boolean>(true);
      break;
    case "final":
      same<typeof event.result, string>(true);
      event.meta.usage?.outputTokens.toFixed();
      break;
    case "error":
      event.error.length;
      same<typeof event.code, string | undefined>(true);
      break;
    case "interrupt":
      event.text.length;
      break;
    default:
      same<typeof event, never>(true);
  }
}

stream
  .on("partial", (event) => same<typeof event, PartialEvent>(true))
  .once("final", (event) => same<typeof event.result, string>(true))
  .off("error", (event) => event.error.length);
// @ts-expect-error there is no such event
stream.on("parital", () => undefined);
// @ts-expect-error handlers get the event, never the bare delta
stream.on("partial", (delta: string) => delta);
// @ts-expect-error the id cannot be changed
stream.stepID = "";
same<Awaited<ReturnType<typeof stream.finalText>>, string>(true);
same<typeof stream.state, "pending" | "running" | "final" | "error" | "interrupt">(true);
const end = await stream.done();
if (end.type === "final") same<typeof end.result, string>(true);
else same<typeof end, InterruptEvent>(true);
// @ts-expect-error done() rejects on error, it never gives one
if (end.type === "error") end;
await using disposed = doubleStep.startStream(1);
void disposed;

// Steps
doubleStep.startStream(21).on("final", (event) => same<typeof event.result, number>(true));
// @ts-expect-error doubleStep takes numbers
doubleStep.startStream("21");
// @ts-expect-error doubleStep takes no model
doubleStep.startStream(21, { model: "m" });
same<ReturnType<typeof doubleStep.runWithEvents>, string>(true);
doubleStep.runWithEvents(1, (event) => same<typeof event, StreamEvent<number>>(true));
// @ts-expect-error the handler is needed
doubleStep.runWithEvents(1);
same<Awaited<ReturnType<typeof doubleStep.startAsync>>, number[]>(true);
same<ReturnType<typeof doubleStep.startBlocking>, number[]>(true);
const cancel = doubleStep.startWithCallbacks(1, { onResult: (value) => same<typeof value, number>(true) });
cancel();
chatStep.startStream(new Conversation(), { onPartial: (event) => event.delta, onCancel: (event) => event.text });
// @ts-expect-error there is no such handler
chatStep.startStream("", { onPartials: () => undefined });
echoStep.startStream("", { delay: 0.1, bufferSize: 1 });
const made = new ChatStepFactory({ temperature: 0 }).newStep({ tools: ["clock"], stop: ["."] });
same<typeof made, ChatStep>(true);
// @ts-expect-error a temperature is a number
new ChatStepFactory({ temperature: "hot" });

// Conversations
const conversation = new Conversation();
const id = conversation.AddMessage("user", "Hello", { metadata: { a: [1, null] }, time: "2024-01-01T00:00:00Z" });
same<typeof id, string>(true);
// @ts-expect-error there is no such role
conversation.addMessage("robot", "Hello");
// @ts-expect-error metadata must be JSON
conversation.addMessage("user", "Hello", { metadata: { when: new Date() } });
for (const message of conversation.getMessages()) {
  same<typeof message.time, Date>(true);
  // @ts-expect-error only chat messages have a role
  message.role;
  if (message.type === "chat-message") same<typeof message.role, Role>(true);
  if (message.type === "tool-use") same<typeof message.toolType, string>(true);
  if (message.type === "tool-result") same<typeof message.result, string>(true);
}
same<ReturnType<typeof conversation.addAnswer>, Promise<string>>(true);
conversation.addAnswer(chatStep.startStream(conversation), { metadata: { turn: 1 } });
// @ts-expect-error not the answer of a chat step
conversation.addAnswer(doubleStep.startStream(21));
const snapshot = conversation.toGoConversation();
same<(typeof snapshot.conversation)[number]["time"], string>(true);
chatStep.startStream(snapshot);

// Embeddings
same<ReturnType<typeof embeddings.generateEmbedding>, Float32Array>(true);
same<Awaited<ReturnType<typeof embeddings.generateEmbeddingAsync>>, Float32Array>(true);
const model = embeddings.getModel();
// @ts-expect-error read only
model.name = "";
// @ts-expect-error onSuccess is needed
embeddings.generateEmbeddingWithCallbacks("", {});

// Tools: the handler's argument follows the schema.
const tool = defineTool({
  name: "weather",
  description: "The weather",
  parameters: {
    type: "object",
    properties: {
      city: { type: "string" },
      days: { type: "integer" },
      unit: { enum: ["c", "f"] },
      tags: { type: "array", items: { type: "string" } },
    },
    required: ["city", "unit"],
  },
  handler: ({ city, days, unit, tags }) => {
    same<typeof city, string>(true);
    same<typeof days, number | undefined>(true);
    same<typeof unit, "c" | "f">(true);
    same<typeof tags, string[] | undefined>(true);
    return { city };
  },
});
same<typeof tool, Tool>(true);
defineTool({ name: "clock", description: "The time", handler: async () => new Date().toISOString() });
// @ts-expect-error the handler is needed
defineTool({ name: "clock", description: "The time" });

// The run, timers, the platform
const who: JsonValue | undefined = params["name"];
// @ts-expect-error params are frozen
params["name"] = "x";
done();
done(new Error(String(who)));
const timer: number = setTimeout((a: number, b: string) => `${a}${b}`, 10, 1, "x");
clearTimeout(timer);
// @ts-expect-error the argument must fit the callback
setTimeout((a: number) => a, 10, "x");
clearInterval(setInterval(() => undefined, 10));
clearImmediate(setImmediate(() => undefined));
queueMicrotask(() => undefined);
same<ReturnType<typeof structuredClone<Map<string, number>>>, Map<string, number>>(true);
new URL("https://example.org").searchParams.get("a")?.length;
new TextDecoder("utf-8", { fatal: true }).decode(new TextEncoder().encode("x"), { stream: true });
performance.now().toFixed();
console.table([{ a: 1 }], ["a"]);
// @ts-expect-error signals come from AbortController and AbortSignal's functions
new AbortSignal();
// @ts-expect-error no DOM here
document;
// @ts-expect-error no Node here
process;
// @ts-expect-error no network here
fetch("https://example.org");
