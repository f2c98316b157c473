// Shows what there really is: each global, and the members of one object of each type that the typings declare.
const stop = new Set([Object.prototype, Function.prototype, Error.prototype, Array.prototype]);
const nameOf = (key) => (typeof key === "symbol" ? key.description : key);
const ownNames = (object) => Reflect.ownKeys(object).map(nameOf).filter((name) => name !== "constructor" && name !== "Symbol.toStringTag");
function members(object) {
  const names = new Set();
  for (let at = object; at !== null && !stop.has(at); at = Object.getPrototypeOf(at)) for (const name of ownNames(at)) names.add(name);
  if (object instanceof Error) for (const name of ["name", "message", "stack", "cause"]) names.add(name);
  return [...names];
}
const statics = (value) => ownNames(value).filter((name) => !["length", "name", "prototype"].includes(name));

const tool = defineTool({ name: "look", description: "Looks.", parameters: { type: "object" }, handler: () => "seen" });
const model = new ChatStepFactory().newStep({ script: "live.model.yaml", tools: [tool] });
const events = {};
const stream = model.startStream("go");
for await (const event of stream) events[event.type] = event;
for await (const event of doubleStep.startStream("no number")) if (event.type === "error") events.error = event;
const cancelled = echoStep.startStream("a b", { delay: 1 });
cancelled.on("interrupt", (event) => (events.interrupt = event));
await cancelled.cancel();
const stepError = await doubleStep.startStream("no number").finalText().catch((error) => error);

const conversation = new Conversation();
conversation.addMessage("user", "hello", { metadata: {} });
conversation.addMessageWithImage("user", "look", "pixel.png");
const use = conversation.addToolUse("t1", "look", {});
conversation.addToolResult("t1", "seen");
const [message, pictured, toolUse, toolResult] = conversation.getMessages();
const url = new URL("https://host/?a=1");

const specimens = {
  Usage: events.final.meta.usage, EventMetadata: events.final.meta, StepMetadata: events.final.step,
  ToolCall: events["tool-call"].toolCall, ToolResult: events["tool-result"].toolResult,
  StartEvent: events.start, PartialEvent: events.partial, ToolCallEvent: events["tool-call"], ToolResultEvent: events["tool-result"],
  FinalEvent: events.final, ErrorEvent: events.error, InterruptEvent: events.interrupt,
  Stream: stream, StepError: stepError, Step: doubleStep, ChatStepFactory: new ChatStepFactory(), Tool: tool,
  Conversation: conversation, ConversationSnapshot: conversation.toConversation(), ChatMessage: message, MessageImage: pictured.images[0],
  ToolUseMessage: toolUse, ToolResultMessage: toolResult, Embeddings: embeddings, EmbeddingModel: embeddings.getModel(),
  Console: console, Performance: performance, Event: new Event("x"), EventTarget: new EventTarget(), AbortSignal: new AbortController().signal,
  AbortController: new AbortController(), DOMException: new DOMException("m"), TextEncoder: new TextEncoder(), TextDecoder: new TextDecoder(),
  URL: url, URLSearchParams: url.searchParams,
};
const classes = Object.getOwnPropertyNames(globalThis).filter((name) => typeof globalThis[name] === "function" && globalThis[name].prototype !== undefined);
console.log(JSON.stringify({
  globals: Object.getOwnPropertyNames(globalThis),
  members: Object.fromEntries(Object.entries(specimens).map(([name, object]) => [name, members(object)])),
  statics: Object.fromEntries(classes.map((name) => [name, statics(globalThis[name])])),
}));
