/**
 * The Geppetto API: everything a script can use beyond the JavaScript language itself.
 *
 * A script is a plain program with top-level `await`. It has no file system, no network and no `process`: it reaches
 * the world through the steps, embeddings and tools declared here.
 *
 * @example
 * ```js
 * const conversation = new Conversation();
 * conversation.addMessage("user", "Say hello in five languages.");
 * for await (const event of chatStep.startStream(conversation)) {
 *   if (event.type === "partial") console.log(event.delta);
 * }
 * ```
 */

// ---------------------------------------------------------------------------------------------------- JSON

/**
 * Any value that can be written as JSON.
 * @example
 * ```ts
 * const settings: JsonValue = { retries: 3, tags: ["a", "b"], note: null };
 * ```
 */
type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/**
 * An object that can be written as JSON.
 * @example
 * ```ts
 * const metadata: JsonObject = { source: "config" };
 * ```
 */
type JsonObject = { readonly [key: string]: JsonValue };

// ---------------------------------------------------------------------------------------------------- events

/**
 * Tokens a request used.
 * @example
 * ```js
 * stream.on("final", ({ meta }) => console.log(meta.usage?.outputTokens, "tokens"));
 * ```
 */
interface Usage {
  /**
   * Tokens of the prompt.
   * @example
   * ```js
   * stream.on("final", ({ meta }) => console.log(meta.usage?.inputTokens));
   * ```
   */
  inputTokens: number;
  /**
   * Tokens the model wrote.
   * @example
   * ```js
   * stream.on("final", ({ meta }) => console.log(meta.usage?.outputTokens));
   * ```
   */
  outputTokens: number;
  /**
   * What the request cost, in US dollars, where the price is known.
   * @example
   * ```js
   * stream.on("final", ({ meta }) => console.log(`$${meta.usage?.cost ?? 0}`));
   * ```
   */
  cost?: number;
  /**
   * @deprecated Use {@link Usage.inputTokens}.
   * @example
   * ```js
   * usage.input_tokens === usage.inputTokens;
   * ```
   */
  readonly input_tokens: number;
  /**
   * @deprecated Use {@link Usage.outputTokens}.
   * @example
   * ```js
   * usage.output_tokens === usage.outputTokens;
   * ```
   */
  readonly output_tokens: number;
}

/**
 * What an event knows about the model's answer it belongs to.
 * @example
 * ```js
 * stream.on("start", ({ meta }) => console.log(meta.engine, meta.temperature));
 * ```
 */
interface EventMetadata {
  /**
   * The id of the message being written.
   * @example
   * ```js
   * stream.on("start", (event) => console.log(event.meta.messageId));
   * ```
   */
  messageId: string;
  /**
   * The id of the message it answers; empty if there is none.
   * @example
   * ```js
   * stream.on("start", (event) => console.log(event.meta.parentId));
   * ```
   */
  parentId: string;
  /**
   * The model, as its provider names it; empty for steps without one.
   * @example
   * ```js
   * stream.on("start", (event) => console.log("asking", event.meta.engine));
   * ```
   */
  engine: string;
  /**
   * The sampling temperature of the request, if one was set.
   * @example
   * ```js
   * stream.on("start", (event) => console.log(event.meta.temperature));
   * ```
   */
  temperature?: number;
  /**
   * The nucleus sampling limit of the request, if one was set.
   * @example
   * ```js
   * stream.on("start", (event) => console.log(event.meta.topP));
   * ```
   */
  topP?: number;
  /**
   * The most tokens the answer may have, if that was set.
   * @example
   * ```js
   * stream.on("start", (event) => console.log(event.meta.maxTokens));
   * ```
   */
  maxTokens?: number;
  /**
   * Tokens used; known at the end, with some providers earlier.
   * @example
   * ```js
   * stream.on("final", (event) => console.log(event.meta.usage));
   * ```
   */
  usage?: Usage;
  /**
   * Why the model stopped, in its provider's words (`"stop"`, `"max_tokens"`, …).
   * @example
   * ```js
   * stream.on("final", (event) => console.log(event.meta.stopReason));
   * ```
   */
  stopReason?: string;
  /**
   * @deprecated Use {@link EventMetadata.messageId}.
   * @example
   * ```js
   * event.meta.message_id === event.meta.messageId;
   * ```
   */
  readonly message_id: string;
  /**
   * @deprecated Use {@link EventMetadata.parentId}.
   * @example
   * ```js
   * event.meta.parent_id === event.meta.parentId;
   * ```
   */
  readonly parent_id: string;
  /**
   * @deprecated Use {@link EventMetadata.topP}.
   * @example
   * ```js
   * event.meta.top_p === event.meta.topP;
   * ```
   */
  readonly top_p: number | undefined;
  /**
   * @deprecated Use {@link EventMetadata.maxTokens}.
   * @example
   * ```js
   * event.meta.max_tokens === event.meta.maxTokens;
   * ```
   */
  readonly max_tokens: number | undefined;
  /**
   * @deprecated Use {@link EventMetadata.stopReason}.
   * @example
   * ```js
   * event.meta.stop_reason === event.meta.stopReason;
   * ```
   */
  readonly stop_reason: string | undefined;
}

/**
 * The step an event comes from.
 * @example
 * ```js
 * stream.on("start", ({ step }) => console.log(step.type, step.stepId));
 * ```
 */
interface StepMetadata {
  /**
   * The id of this run of the step: the same as {@link Stream.stepID}.
   * @example
   * ```js
   * stream.on("start", (event) => console.log(event.step.stepId === stream.stepID)); // true
   * ```
   */
  stepId: string;
  /**
   * The kind of step, for example `"double"` or `"echo"`.
   * @example
   * ```js
   * stream.on("start", (event) => console.log(event.step.type));
   * ```
   */
  type: string;
  /**
   * The type of value the step takes.
   * @example
   * ```js
   * doubleStep.startStream(2).on("start", (event) => console.log(event.step.inputType));
   * ```
   */
  inputType: string;
  /**
   * The type of value the step gives.
   * @example
   * ```js
   * doubleStep.startStream(2).on("start", (event) => console.log(event.step.outputType));
   * ```
   */
  outputType: string;
  /**
   * Whatever else the step has to say about itself.
   * @example
   * ```js
   * stream.on("start", (event) => console.log(Object.keys(event.step.metadata)));
   * ```
   */
  metadata: JsonObject;
  /**
   * @deprecated Use {@link StepMetadata.stepId}.
   * @example
   * ```js
   * event.step.step_id === event.step.stepId;
   * ```
   */
  readonly step_id: string;
  /**
   * @deprecated Use {@link StepMetadata.inputType}.
   * @example
   * ```js
   * event.step.input_type === event.step.inputType;
   * ```
   */
  readonly input_type: string;
  /**
   * @deprecated Use {@link StepMetadata.outputType}.
   * @example
   * ```js
   * event.step.output_type === event.step.outputType;
   * ```
   */
  readonly output_type: string;
  /**
   * @deprecated Use {@link StepMetadata.metadata}.
   * @example
   * ```js
   * event.step.meta === event.step.metadata;
   * ```
   */
  readonly meta: JsonObject;
}

/**
 * A model's call of a tool.
 * @example
 * ```js
 * stream.on("tool-call", ({ toolCall }) => console.log(toolCall.name, toolCall.input));
 * ```
 */
interface ToolCall {
  /**
   * The id of the call; its {@link ToolResult} carries the same.
   * @example
   * ```js
   * stream.on("tool-call", (event) => console.log(event.toolCall.id));
   * ```
   */
  id: string;
  /**
   * The name of the tool.
   * @example
   * ```js
   * stream.on("tool-call", (event) => console.log("calling", event.toolCall.name));
   * ```
   */
  name: string;
  /**
   * The arguments, parsed; `undefined` if what the model wrote is not JSON.
   * @example
   * ```js
   * stream.on("tool-call", (event) => console.log(event.toolCall.input));
   * ```
   */
  input: JsonValue | undefined;
  /**
   * The arguments as the model wrote them.
   * @example
   * ```js
   * stream.on("tool-call", (event) => console.log(event.toolCall.rawInput));
   * ```
   */
  rawInput: string;
}

/**
 * What a tool answered.
 * @example
 * ```js
 * stream.on("tool-result", ({ toolResult }) => console.log(toolResult.result));
 * ```
 */
interface ToolResult {
  /**
   * The id of the call this answers.
   * @example
   * ```js
   * stream.on("tool-result", (event) => console.log(event.toolResult.id));
   * ```
   */
  id: string;
  /**
   * What the tool's handler returned, or its error message.
   * @example
   * ```js
   * stream.on("tool-result", (event) => console.log(event.toolResult.result));
   * ```
   */
  result: JsonValue;
  /**
   * Whether the tool failed; the model is told so and goes on.
   * @example
   * ```js
   * stream.on("tool-result", (event) => {
   *   if (event.toolResult.isError) console.warn(event.toolResult.result);
   * });
   * ```
   */
  isError: boolean;
}

/**
 * What every event carries.
 * @example
 * ```js
 * for await (const event of stream) console.log(event.type, event.step.stepId, event.meta.engine);
 * ```
 */
interface EventBase {
  /**
   * About the model's answer.
   * @example
   * ```js
   * stream.on("start", (event) => console.log(event.meta.engine));
   * ```
   */
  meta: EventMetadata;
  /**
   * About the step.
   * @example
   * ```js
   * stream.on("start", (event) => console.log(event.step.type));
   * ```
   */
  step: StepMetadata;
}

/**
 * The step begins: always the first event.
 * @example
 * ```js
 * stream.on("start", (event) => console.log("started", event.step.stepId));
 * ```
 */
interface StartEvent extends EventBase {
  /**
   * `"start"`
   * @example
   * ```js
   * if (event.type === "start") console.log("started");
   * ```
   */
  type: "start";
}

/**
 * A piece of text.
 * @example
 * ```js
 * stream.on("partial", (event) => console.log(event.delta));
 * ```
 */
interface PartialEvent extends EventBase {
  /**
   * `"partial"`
   * @example
   * ```js
   * if (event.type === "partial") console.log(event.delta);
   * ```
   */
  type: "partial";
  /**
   * The text that is new since the event before. All deltas together are the final text.
   * @example
   * ```js
   * let text = "";
   * stream.on("partial", (event) => (text += event.delta));
   * ```
   */
  delta: string;
  /**
   * The whole text so far.
   * @example
   * ```js
   * stream.on("partial", (event) => console.log(event.completion.length, "characters"));
   * ```
   */
  completion: string;
}

/**
 * The model calls a tool. The tool's handler runs by itself; this event is to watch.
 * @example
 * ```js
 * stream.on("tool-call", (event) => console.log(event.toolCall.name, event.toolCall.input));
 * ```
 */
interface ToolCallEvent extends EventBase {
  /**
   * `"tool-call"`
   * @example
   * ```js
   * if (event.type === "tool-call") console.log(event.toolCall.name);
   * ```
   */
  type: "tool-call";
  /**
   * The call.
   * @example
   * ```js
   * stream.on("tool-call", ({ toolCall }) => console.log(toolCall.name));
   * ```
   */
  toolCall: ToolCall;
  /**
   * @deprecated Use {@link ToolCallEvent.toolCall}.
   * @example
   * ```js
   * event.tool_call === event.toolCall;
   * ```
   */
  readonly tool_call: ToolCall;
}

/**
 * A tool has answered.
 * @example
 * ```js
 * stream.on("tool-result", (event) => console.log(event.toolResult.result));
 * ```
 */
interface ToolResultEvent extends EventBase {
  /**
   * `"tool-result"`
   * @example
   * ```js
   * if (event.type === "tool-result") console.log(event.toolResult.result);
   * ```
   */
  type: "tool-result";
  /**
   * The answer.
   * @example
   * ```js
   * stream.on("tool-result", ({ toolResult }) => console.log(toolResult.result));
   * ```
   */
  toolResult: ToolResult;
  /**
   * @deprecated Use {@link ToolResultEvent.toolResult}.
   * @example
   * ```js
   * event.tool_result === event.toolResult;
   * ```
   */
  readonly tool_result: ToolResult;
}

/**
 * The step is done: a last event.
 * @example
 * ```js
 * stream.on("final", (event) => console.log(event.text));
 * ```
 */
interface FinalEvent<Out = JsonValue> extends EventBase {
  /**
   * `"final"`
   * @example
   * ```js
   * if (event.type === "final") console.log(event.text);
   * ```
   */
  type: "final";
  /**
   * The whole text.
   * @example
   * ```js
   * stream.on("final", (event) => console.log(event.text));
   * ```
   */
  text: string;
  /**
   * The step's output: a number for `doubleStep`, the text for a chat step.
   * @example
   * ```js
   * doubleStep.startStream(21).on("final", (event) => console.log(event.result + 1)); // 43
   * ```
   */
  result: Out;
}

/**
 * The step failed: a last event. It is not thrown; if nothing in the script looks at it, the run fails.
 * @example
 * ```js
 * stream.on("error", (event) => console.error(event.error));
 * ```
 */
interface ErrorEvent extends EventBase {
  /**
   * `"error"`
   * @example
   * ```js
   * if (event.type === "error") console.error(event.error);
   * ```
   */
  type: "error";
  /**
   * What went wrong.
   * @example
   * ```js
   * stream.on("error", (event) => console.error(event.error));
   * ```
   */
  error: string;
  /**
   * The kind of failure, for example `"rate_limit"`.
   * @example
   * ```js
   * stream.on("error", (event) => console.error(event.code));
   * ```
   */
  code?: string;
  /**
   * @deprecated Use {@link ErrorEvent.error}.
   * @example
   * ```js
   * event.error_string === event.error;
   * ```
   */
  readonly error_string: string;
}

/**
 * The step was cancelled: a last event.
 * @example
 * ```js
 * stream.on("interrupt", (event) => console.log("so far:", event.text));
 * ```
 */
interface InterruptEvent extends EventBase {
  /**
   * `"interrupt"`
   * @example
   * ```js
   * if (event.type === "interrupt") console.log("cancelled");
   * ```
   */
  type: "interrupt";
  /**
   * The text that had come by then.
   * @example
   * ```js
   * stream.on("interrupt", (event) => console.log(event.text));
   * ```
   */
  text: string;
}

/**
 * Any event of a stream. A stream is `start`, any number of `partial`, `tool-call` and `tool-result`, and then
 * exactly one of `final`, `error` and `interrupt`.
 * @example
 * ```js
 * for await (const event of chatStep.startStream("Hello")) {
 *   switch (event.type) {
 *     case "partial": console.log(event.delta); break;
 *     case "error": console.error(event.error); break;
 *   }
 * }
 * ```
 */
type StreamEvent<Out = JsonValue> =
  | StartEvent
  | PartialEvent
  | ToolCallEvent
  | ToolResultEvent
  | FinalEvent<Out>
  | ErrorEvent
  | InterruptEvent;

/**
 * The names of the events.
 * @example
 * ```ts
 * const ending: StreamEventType[] = ["final", "error", "interrupt"];
 * ```
 */
type StreamEventType = StreamEvent["type"];

/**
 * The event of a given name.
 * @example
 * ```ts
 * function show(event: StreamEventOf<"partial">) { console.log(event.delta); }
 * ```
 */
type StreamEventOf<Type extends StreamEventType, Out = JsonValue> = Extract<StreamEvent<Out>, { type: Type }>;

/**
 * Where a stream stands: waiting for its first event, running, or how it ended.
 * @example
 * ```js
 * if (stream.state === "running") await stream.cancel();
 * ```
 */
type StreamState = "pending" | "running" | "final" | "error" | "interrupt";

// ---------------------------------------------------------------------------------------------------- streams

/**
 * Functions called with the events of a stream. One that throws makes the run fail, but the stream goes on.
 * @example
 * ```js
 * chatStep.startStream("Hello", {
 *   onPartial: (event) => console.log(event.delta),
 *   onError: (event) => console.error(event.error),
 * });
 * ```
 */
interface StreamHandlers<Out = JsonValue> {
  /**
   * The step begins.
   * @example
   * ```js
   * chatStep.startStream("Hello", { onStart: (event) => console.log(event.step.type) });
   * ```
   */
  onStart?: ((event: StartEvent) => unknown) | undefined;
  /**
   * A piece of text has come.
   * @example
   * ```js
   * chatStep.startStream("Hello", { onPartial: (event) => console.log(event.delta) });
   * ```
   */
  onPartial?: ((event: PartialEvent) => unknown) | undefined;
  /**
   * The model calls a tool.
   * @example
   * ```js
   * chatStep.startStream("Hello", { onToolCall: (event) => console.log(event.toolCall.name) });
   * ```
   */
  onToolCall?: ((event: ToolCallEvent) => unknown) | undefined;
  /**
   * A tool has answered.
   * @example
   * ```js
   * chatStep.startStream("Hello", { onToolResult: (event) => console.log(event.toolResult.result) });
   * ```
   */
  onToolResult?: ((event: ToolResultEvent) => unknown) | undefined;
  /**
   * The step is done.
   * @example
   * ```js
   * chatStep.startStream("Hello", { onFinal: (event) => console.log(event.text) });
   * ```
   */
  onFinal?: ((event: FinalEvent<Out>) => unknown) | undefined;
  /**
   * The step failed.
   * @example
   * ```js
   * chatStep.startStream("Hello", { onError: (event) => console.error(event.error) });
   * ```
   */
  onError?: ((event: ErrorEvent) => unknown) | undefined;
  /**
   * The step was cancelled.
   * @example
   * ```js
   * chatStep.startStream("Hello", { onInterrupt: (event) => console.log("so far:", event.text) });
   * ```
   */
  onInterrupt?: ((event: InterruptEvent) => unknown) | undefined;
  /**
   * Another name for {@link StreamHandlers.onInterrupt}.
   * @example
   * ```js
   * chatStep.startStream("Hello", { onCancel: () => console.log("cancelled") });
   * ```
   */
  onCancel?: ((event: InterruptEvent) => unknown) | undefined;
}

/**
 * How a step is run.
 * @example
 * ```js
 * const stream = chatStep.startStream("Hello", { signal: AbortSignal.timeout(30_000), bufferSize: 64 });
 * ```
 */
interface RunOptions {
  /**
   * Cancels the stream when it aborts.
   * @example
   * ```js
   * const controller = new AbortController();
   * chatStep.startStream("Hello", { signal: controller.signal });
   * controller.abort();
   * ```
   */
  signal?: AbortSignal | undefined;
  /**
   * How many events an iterator holds for a slow loop before it merges neighbouring partials; 1024 unless given.
   * No text is ever lost.
   * @example
   * ```js
   * for await (const event of chatStep.startStream("Hello", { bufferSize: 1 })) console.log(event.type);
   * ```
   */
  bufferSize?: number | undefined;
}

/**
 * How a model is asked. What is left out comes from the profile in use.
 * @example
 * ```js
 * const step = new ChatStepFactory().newStep({ model: "gpt-4o-mini", temperature: 0 });
 * ```
 */
interface ChatOptions {
  /**
   * The model, as its provider names it.
   * @example
   * ```js
   * chatStep.startStream("Hello", { model: "gpt-4o-mini" });
   * ```
   */
  model?: string | undefined;
  /**
   * How freely words are chosen: 0 for the likeliest, 2 at most.
   * @example
   * ```js
   * chatStep.startStream("Hello", { temperature: 0.2 });
   * ```
   */
  temperature?: number | undefined;
  /**
   * Nucleus sampling: choose among the likeliest words that make up this share of the probability, 0 to 1.
   * @example
   * ```js
   * chatStep.startStream("Hello", { topP: 0.9 });
   * ```
   */
  topP?: number | undefined;
  /**
   * The most tokens the answer may have.
   * @example
   * ```js
   * chatStep.startStream("Hello", { maxTokens: 200 });
   * ```
   */
  maxTokens?: number | undefined;
  /**
   * Texts at which the model stops writing.
   * @example
   * ```js
   * chatStep.startStream("Count to ten", { stop: ["five"] });
   * ```
   */
  stop?: readonly string[] | undefined;
  /**
   * Who answers.
   * @example
   * ```js
   * chatStep.startStream("Hello", { provider: "echo" });
   * ```
   */
  provider?: "echo" | "scripted" | "openai" | "claude" | "ollama" | undefined;
  /**
   * The profile of the settings to use.
   * @example
   * ```js
   * chatStep.startStream("Hello", { profile: "local" });
   * ```
   */
  profile?: string | undefined;
  /**
   * The file the scripted provider plays, relative to the script's folder.
   * @example
   * ```js
   * chatStep.startStream("Hello", { script: "answers.yaml" });
   * ```
   */
  script?: string | undefined;
  /**
   * How fast a script is played: 1 as written, 0 without its delays.
   * @example
   * ```js
   * chatStep.startStream("Hello", { script: "answers.yaml", pace: 0 });
   * ```
   */
  pace?: number | undefined;
  /**
   * Seconds the echo provider waits before each word.
   * @example
   * ```js
   * chatStep.startStream("one two three", { provider: "echo", delay: 0.2 });
   * ```
   */
  delay?: number | undefined;
  /**
   * Asks for the same answer to the same request, from providers that can.
   * @example
   * ```js
   * chatStep.startStream("Hello", { seed: 7 });
   * ```
   */
  seed?: number | undefined;
  /**
   * A JSON schema that the answer must fit; the answer is then JSON.
   * @example
   * ```js
   * chatStep.startStream("Name a colour", { responseSchema: { type: "object", properties: { name: { type: "string" } } } });
   * ```
   */
  responseSchema?: { readonly [key: string]: JsonValue } | undefined;
  /**
   * Whether a request that was answered before gets the same answer again: from this run, or from any on this machine.
   * @example
   * ```js
   * chatStep.startStream("Hello", { cache: "disk" });
   * ```
   */
  cache?: "off" | "memory" | "disk" | undefined;
  /**
   * How many times in a row the model may call tools before it must answer.
   * @example
   * ```js
   * chatStep.startStream("What time is it?", { maxToolRounds: 3 });
   * ```
   */
  maxToolRounds?: number | undefined;
  /**
   * How long a tool may take, in seconds.
   * @example
   * ```js
   * chatStep.startStream("What time is it?", { toolTimeout: 5 });
   * ```
   */
  toolTimeout?: number | undefined;
  /**
   * The tools the model may call, by name or as `defineTool` returned them. Left out, it may call every tool defined
   * so far; an empty list allows none.
   * @example
   * ```js
   * const clock = defineTool({ name: "clock", description: "The time", handler: () => new Date().toISOString() });
   * chatStep.startStream("What time is it?", { tools: [clock] });
   * ```
   */
  tools?: readonly (string | Tool)[] | undefined;
}

/**
 * A running step: iterate it, listen to it, or await its end; all at once if you like.
 *
 * - Handlers attached in the turn that started the stream miss nothing; one attached later sees what is yet to come.
 * - Every iterator gets every event. One made late begins with what has passed, neighbouring partials merged into one.
 * - A slow loop is not run over: partials are merged, so that no text is lost.
 * - Leaving the loop (`break`, `return`, a throw) cancels the stream if nothing else consumes it.
 * - An `error` event that nothing looks at makes the run fail.
 * @example
 * ```js
 * const stream = chatStep.startStream("Tell me a story");
 * stream.on("partial", (event) => console.log(event.delta));
 * console.log((await stream.finalText()).length, "characters");
 * ```
 */
interface Stream<Out = JsonValue> extends AsyncIterable<StreamEvent<Out>, undefined, undefined>, AsyncDisposable {
  /**
   * The id of this run of the step.
   * @example
   * ```js
   * console.log(chatStep.startStream("Hello").stepID);
   * ```
   */
  readonly stepID: string;
  /**
   * The text that has come so far; after the end, the whole text.
   * @example
   * ```js
   * setTimeout(() => console.log(stream.text.length, "characters so far"), 1000);
   * ```
   */
  readonly text: string;
  /**
   * Where the stream stands, or how it ended.
   * @example
   * ```js
   * if (stream.state === "interrupt") console.log("was cancelled");
   * ```
   */
  readonly state: StreamState;
  /**
   * Calls `handler` with every event of one type, from now on. Returns the stream, so that calls can be chained.
   * @throws TypeError if there is no such event or the handler is not a function.
   * @example
   * ```js
   * stream
   *   .on("partial", (event) => console.log(event.delta))
   *   .on("error", (event) => console.error(event.error));
   * ```
   */
  on<Type extends StreamEventType>(type: Type, handler: (event: StreamEventOf<Type, Out>) => unknown): this;
  /**
   * Calls `handler` with the next event of one type only.
   * @throws TypeError if there is no such event or the handler is not a function.
   * @example
   * ```js
   * stream.once("partial", () => console.log("the first word is here"));
   * ```
   */
  once<Type extends StreamEventType>(type: Type, handler: (event: StreamEventOf<Type, Out>) => unknown): this;
  /**
   * Takes back `on` or `once` with the same handler.
   * @throws TypeError if there is no such event or the handler is not a function.
   * @example
   * ```js
   * const show = (event) => console.log(event.delta);
   * stream.on("partial", show);
   * stream.off("partial", show);
   * ```
   */
  off<Type extends StreamEventType>(type: Type, handler: (event: StreamEventOf<Type, Out>) => unknown): this;
  /**
   * Stops the step. The promise settles when the last event, normally `interrupt`, has been delivered; it never
   * rejects. Calling it again, or after the end, changes nothing.
   * @example
   * ```js
   * setTimeout(() => stream.cancel(), 10_000);
   * ```
   */
  cancel(): Promise<void>;
  /**
   * Waits for the end: the `final` event, or `interrupt` if the stream was cancelled.
   * @returns rejects with a {@link StepError} if the step fails.
   * @example
   * ```js
   * const end = await doubleStep.startStream(21).done();
   * if (end.type === "final") console.log(end.result); // 42
   * ```
   */
  done(): Promise<FinalEvent<Out> | InterruptEvent>;
  /**
   * Waits for the whole text; of a stream that is cancelled, the text so far.
   * @returns rejects with a {@link StepError} if the step fails.
   * @example
   * ```js
   * console.log(await chatStep.startStream("Say hello").finalText());
   * ```
   */
  finalText(): Promise<string>;
  /**
   * The stream's events, from the first to the last. An `error` event is yielded like the others, not thrown.
   * @example
   * ```js
   * for await (const event of stream) console.log(event.type);
   * ```
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<StreamEvent<Out>, undefined, undefined>;
  /**
   * Cancels the stream if it still runs, and waits until it has ended.
   * @example
   * ```js
   * await using stream = chatStep.startStream("Tell me a story");
   * ```
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A step failed: what `finalText()`, `done()` and the deprecated ways to run a step reject with.
 * @example
 * ```js
 * try {
 *   await chatStep.startStream("Hello").finalText();
 * } catch (error) {
 *   if (error.name === "StepError") console.error(error.code, error.message);
 * }
 * ```
 */
interface StepError extends Error {
  /**
   * `"StepError"`
   * @example
   * ```js
   * if (error.name === "StepError") console.error(error.stepID);
   * ```
   */
  name: "StepError";
  /**
   * The id of the run that failed.
   * @example
   * ```js
   * console.error(error.stepID, error.message);
   * ```
   */
  stepID: string;
  /**
   * The kind of failure, for example `"rate_limit"`.
   * @example
   * ```js
   * if (error.code === "rate_limit") console.error("too fast");
   * ```
   */
  code?: string;
}

// ---------------------------------------------------------------------------------------------------- steps

/**
 * Something that turns an input into an output and says how it is getting on.
 * @example
 * ```js
 * const end = await doubleStep.startStream(21).done();
 * ```
 */
interface Step<In, Out = JsonValue, Options = {}> {
  /**
   * Runs the step and calls `handler` with every event.
   * @returns the id of this run.
   * @throws TypeError if an argument is wrong; nothing is started then.
   * @example
   * ```js
   * const stepID = doubleStep.runWithEvents(21, (event) => {
   *   if (event.type === "final") console.log(event.result); // 42
   * });
   * ```
   */
  runWithEvents(input: In, handler: (event: StreamEvent<Out>) => unknown, options?: Options & RunOptions): string;
  /**
   * Runs the step and returns its stream at once.
   * @throws TypeError if an argument is wrong; nothing is started then.
   * @example
   * ```js
   * for await (const event of chatStep.startStream("Hello")) {
   *   if (event.type === "partial") console.log(event.delta);
   * }
   * ```
   */
  startStream(input: In, options?: Options & RunOptions & StreamHandlers<Out>): Stream<Out>;
  /**
   * The same as {@link Step.startStream}, under the name that goes with `for await`.
   * @throws TypeError if an argument is wrong; nothing is started then.
   * @example
   * ```js
   * for await (const event of chatStep.startStreamAsync("Hello")) console.log(event.type);
   * ```
   */
  startStreamAsync(input: In, options?: Options & RunOptions & StreamHandlers<Out>): Stream<Out>;
  /**
   * Runs the step and waits for its outputs.
   * @deprecated Use {@link Step.startStream} with {@link Stream.done} or {@link Stream.finalText}.
   * @returns rejects with a {@link StepError} if the step fails, with an `AbortError` if it is cancelled.
   * @throws TypeError if an argument is wrong; nothing is started then.
   * @example
   * ```js
   * const [result] = await doubleStep.startAsync(21); // 42
   * ```
   */
  startAsync(input: In, options?: Options & RunOptions): Promise<Out[]>;
  /**
   * Runs the step while nothing else in the script does.
   * @deprecated It holds up everything, and tools of the script cannot run. Use {@link Step.startStream} with
   * {@link Stream.done}.
   * @throws TypeError if an argument is wrong, {@link StepError} if the step fails.
   * @example
   * ```js
   * const [result] = doubleStep.startBlocking(21); // 42
   * ```
   */
  startBlocking(input: In, options?: Options): Out[];
  /**
   * Runs the step and calls back.
   * @deprecated Use {@link Step.startStream} with handlers.
   * @returns a function that cancels the run.
   * @throws TypeError if an argument is wrong; nothing is started then.
   * @example
   * ```js
   * const cancel = doubleStep.startWithCallbacks(21, {
   *   onResult: (result) => console.log(result), // 42
   *   onError: (error) => console.error(error.message),
   * });
   * ```
   */
  startWithCallbacks(input: In, callbacks: StepCallbacks<Out>, options?: Options & RunOptions): () => void;
}

/**
 * What {@link Step.startWithCallbacks} calls.
 * @example
 * ```js
 * doubleStep.startWithCallbacks(21, { onResult: console.log, onDone: () => console.log("done") });
 * ```
 */
interface StepCallbacks<Out = JsonValue> {
  /**
   * The step has an output.
   * @example
   * ```js
   * doubleStep.startWithCallbacks(21, { onResult: (result) => console.log(result) }); // 42
   * ```
   */
  onResult?: ((result: Out) => unknown) | undefined;
  /**
   * The step failed.
   * @example
   * ```js
   * doubleStep.startWithCallbacks(21, { onError: (error) => console.error(error.message) });
   * ```
   */
  onError?: ((error: StepError) => unknown) | undefined;
  /**
   * The step has ended, in whatever way: called last.
   * @example
   * ```js
   * doubleStep.startWithCallbacks(21, { onDone: () => console.log("done") });
   * ```
   */
  onDone?: (() => unknown) | undefined;
  /**
   * The step was cancelled.
   * @example
   * ```js
   * doubleStep.startWithCallbacks(21, { onCancel: () => console.log("cancelled") })();
   * ```
   */
  onCancel?: (() => unknown) | undefined;
}

/**
 * What a chat step takes: a conversation, its snapshot, or a text that counts as one message of the user.
 * @example
 * ```js
 * chatStep.startStream("Hello");
 * ```
 */
type ChatInput = Conversation | ConversationSnapshot | string;

/**
 * A step that asks a model.
 * @example
 * ```ts
 * const ask = (step: ChatStep, question: string) => step.startStream(question).finalText();
 * ```
 */
type ChatStep = Step<ChatInput, string, ChatOptions>;

/**
 * Doubles a number. It needs no model: a step to try things out with.
 * @example
 * ```js
 * const end = await doubleStep.startStream(21).done();
 * console.log(end.text); // "42"
 * ```
 */
declare const doubleStep: Step<number, number>;

/**
 * How fast an echo answers.
 * @example
 * ```js
 * echoStep.startStream("one two three", { delay: 0.2 });
 * ```
 */
interface EchoOptions {
  /**
   * Seconds between two words; 0 unless given.
   * @example
   * ```js
   * echoStep.startStream("one two three", { delay: 0.2 });
   * ```
   */
  delay?: number | undefined;
}

/**
 * Says the user's last message again, word by word. It needs no model.
 * @example
 * ```js
 * for await (const event of echoStep.startStream("one two three")) {
 *   if (event.type === "partial") console.log(event.delta);
 * }
 * ```
 */
declare const echoStep: Step<ChatInput, string, EchoOptions>;

/**
 * Asks the model of the profile in use. With nothing configured it answers like {@link echoStep}, and says so once.
 * @example
 * ```js
 * console.log(await chatStep.startStream("Why is the sky blue?").finalText());
 * ```
 */
declare const chatStep: ChatStep;

/**
 * Makes chat steps with options of their own.
 * @example
 * ```js
 * const precise = new ChatStepFactory({ temperature: 0 }).newStep();
 * console.log(await precise.startStream("What is 6 times 7?").finalText());
 * ```
 */
declare class ChatStepFactory {
  /**
   * @param options for every step this factory makes.
   * @throws TypeError if an option is wrong.
   * @example
   * ```js
   * const factory = new ChatStepFactory({ maxTokens: 500 });
   * ```
   */
  constructor(options?: ChatOptions);
  /**
   * A chat step.
   * @param options add to those of the factory, and win over them.
   * @throws TypeError if an option is wrong.
   * @example
   * ```js
   * const step = new ChatStepFactory().newStep({ model: "gpt-4o-mini" });
   * ```
   */
  newStep(options?: ChatOptions): ChatStep;
}

// ---------------------------------------------------------------------------------------------------- conversations

/**
 * Who speaks.
 * @example
 * ```ts
 * const role: Role = "user";
 * ```
 */
type Role = "system" | "assistant" | "user" | "tool";

/**
 * How a message is added.
 * @example
 * ```js
 * conversation.addMessage("user", "Hello", { metadata: { source: "form" } });
 * ```
 */
interface MessageOptions {
  /**
   * Anything to keep with the message; it is copied.
   * @example
   * ```js
   * conversation.addMessage("user", "Hello", { metadata: { source: "form" } });
   * ```
   */
  metadata?: JsonObject | undefined;
  /**
   * The message this one answers; the one added last unless given. Answering an earlier message starts a branch.
   * @example
   * ```js
   * const question = conversation.addMessage("user", "Heads or tails?");
   * conversation.addMessage("assistant", "Heads");
   * conversation.addMessage("assistant", "Tails", { parentID: question });
   * ```
   */
  parentID?: string | undefined;
  /**
   * When it was said, as an RFC 3339 timestamp; now unless given.
   * @example
   * ```js
   * conversation.addMessage("user", "Hello", { time: "2024-01-01T00:00:00Z" });
   * ```
   */
  time?: string | undefined;
  /**
   * The id of the message; a random UUID unless given.
   * @example
   * ```js
   * conversation.addMessage("user", "Hello", { id: "greeting" });
   * ```
   */
  id?: string | undefined;
}

/**
 * What every message has.
 * @example
 * ```js
 * for (const message of conversation.getMessages()) console.log(message.id, message.time);
 * ```
 */
interface MessageBase {
  /**
   * The id of the message.
   * @example
   * ```js
   * const ids = conversation.getMessages().map((message) => message.id);
   * ```
   */
  id: string;
  /**
   * The id of the message it answers; empty for the first.
   * @example
   * ```js
   * const roots = conversation.getMessages().filter((message) => message.parentID === "");
   * ```
   */
  parentID: string;
  /**
   * When it was said.
   * @example
   * ```js
   * console.log(conversation.getMessages()[0]?.time.getFullYear());
   * ```
   */
  time: Date;
  /**
   * When it, or its metadata, last changed.
   * @example
   * ```js
   * console.log(conversation.getMessages()[0]?.lastUpdate);
   * ```
   */
  lastUpdate: Date;
  /**
   * What was kept with it.
   * @example
   * ```js
   * console.log(conversation.getMessages()[0]?.metadata);
   * ```
   */
  metadata: { [key: string]: JsonValue };
}

/**
 * An image of a message.
 * @example
 * ```js
 * const [message] = conversation.getMessages();
 * if (message?.type === "chat-message") console.log(message.images?.[0]?.mediaType);
 * ```
 */
interface MessageImage {
  /**
   * Where the image is: the path, the URL or a `data:` URL.
   * @example
   * ```js
   * console.log(image.imageURL);
   * ```
   */
  imageURL: string;
  /**
   * The name of its file.
   * @example
   * ```js
   * console.log(image.imageName);
   * ```
   */
  imageName: string;
  /**
   * Its media type, such as `"image/png"`.
   * @example
   * ```js
   * console.log(image.mediaType);
   * ```
   */
  mediaType: string;
  /**
   * How closely the model looks at it: `"auto"`, `"low"` or `"high"`.
   * @example
   * ```js
   * console.log(image.detail);
   * ```
   */
  detail: string;
}

/**
 * Something said.
 * @example
 * ```js
 * for (const message of conversation.getMessages()) {
 *   if (message.type === "chat-message") console.log(message.role, message.text);
 * }
 * ```
 */
interface ChatMessage extends MessageBase {
  /**
   * `"chat-message"`
   * @example
   * ```js
   * if (message.type === "chat-message") console.log(message.text);
   * ```
   */
  type: "chat-message";
  /**
   * Who says it.
   * @example
   * ```js
   * if (message.type === "chat-message") console.log(message.role);
   * ```
   */
  role: Role;
  /**
   * What is said.
   * @example
   * ```js
   * if (message.type === "chat-message") console.log(message.text);
   * ```
   */
  text: string;
  /**
   * The images that go with it.
   * @example
   * ```js
   * if (message.type === "chat-message") console.log(message.images?.length ?? 0);
   * ```
   */
  images?: MessageImage[];
}

/**
 * A call of a tool.
 * @example
 * ```js
 * for (const message of conversation.getMessages()) {
 *   if (message.type === "tool-use") console.log(message.name, message.input);
 * }
 * ```
 */
interface ToolUseMessage extends MessageBase {
  /**
   * `"tool-use"`
   * @example
   * ```js
   * if (message.type === "tool-use") console.log(message.name);
   * ```
   */
  type: "tool-use";
  /**
   * The id of the call.
   * @example
   * ```js
   * if (message.type === "tool-use") console.log(message.toolID);
   * ```
   */
  toolID: string;
  /**
   * The name of the tool.
   * @example
   * ```js
   * if (message.type === "tool-use") console.log(message.name);
   * ```
   */
  name: string;
  /**
   * The arguments.
   * @example
   * ```js
   * if (message.type === "tool-use") console.log(message.input);
   * ```
   */
  input: { [key: string]: JsonValue };
  /**
   * The kind of tool: `"function"`.
   * @example
   * ```js
   * if (message.type === "tool-use") console.log(message.toolType);
   * ```
   */
  toolType: string;
}

/**
 * The answer of a tool.
 * @example
 * ```js
 * for (const message of conversation.getMessages()) {
 *   if (message.type === "tool-result") console.log(message.result);
 * }
 * ```
 */
interface ToolResultMessage extends MessageBase {
  /**
   * `"tool-result"`
   * @example
   * ```js
   * if (message.type === "tool-result") console.log(message.result);
   * ```
   */
  type: "tool-result";
  /**
   * The id of the call it answers.
   * @example
   * ```js
   * if (message.type === "tool-result") console.log(message.toolID);
   * ```
   */
  toolID: string;
  /**
   * What the tool answered.
   * @example
   * ```js
   * if (message.type === "tool-result") console.log(message.result);
   * ```
   */
  result: string;
}

/**
 * A message of a conversation: a copy, so changing it changes nothing.
 * @example
 * ```js
 * const texts = conversation.getMessages().flatMap((message) => (message.type === "chat-message" ? [message.text] : []));
 * ```
 */
type ConversationMessage = ChatMessage | ToolUseMessage | ToolResultMessage;

/**
 * A conversation as plain, frozen data: what a model is sent. It can be kept as JSON and given to a chat step.
 * @example
 * ```js
 * const snapshot = conversation.toConversation();
 * conversation.addMessage("user", "Never mind");
 * chatStep.startStream(snapshot); // without the last message
 * ```
 */
interface ConversationSnapshot {
  /**
   * The thread that ends in the message added last; times are RFC 3339 strings.
   * @example
   * ```js
   * console.log(conversation.toConversation().conversation.length);
   * ```
   */
  readonly conversation: readonly WireMessage[];
}

/**
 * A message in a {@link ConversationSnapshot}: as in {@link ConversationMessage}, with times as strings.
 * @example
 * ```js
 * console.log(conversation.toConversation().conversation[0]?.time); // "2024-01-01T00:00:00.000Z"
 * ```
 */
type WireMessage = ConversationMessage extends infer Message
  ? Message extends ConversationMessage
    ? { readonly [Key in keyof Message]: Message[Key] extends Date ? string : Message[Key] }
    : never
  : never;

/**
 * A conversation: messages, each the answer to another. A model is sent the thread that ends in the message added last.
 *
 * A method given a wrong argument throws a `TypeError` that names it, and changes nothing.
 * @example
 * ```js
 * const conversation = new Conversation();
 * conversation.addMessage("system", "You are terse.");
 * conversation.addMessage("user", "Why is the sky blue?");
 * console.log(await chatStep.startStream(conversation).finalText());
 * ```
 */
declare class Conversation {
  /**
   * An empty conversation.
   * @example
   * ```js
   * const conversation = new Conversation();
   * ```
   */
  constructor();
  /**
   * Adds something said.
   * @returns the id of the message.
   * @throws TypeError if the role is unknown, the text is not a string or an option is wrong.
   * @example
   * ```js
   * const id = conversation.addMessage("user", "Hello, how can I help you?");
   * ```
   */
  addMessage(role: Role, text: string, options?: MessageOptions): string;
  /**
   * Adds something said, with an image: PNG, JPEG, WebP or GIF, of 20 MB at most.
   * @param image a path relative to the script's folder, or an http(s) or `data:` URL.
   * @returns the id of the message.
   * @throws Error, with a `code`, if the image is missing, unsupported or too large.
   * @example
   * ```js
   * conversation.addMessageWithImage("user", "What is in this image?", "cat.png");
   * ```
   */
  addMessageWithImage(role: Role, text: string, image: string, options?: MessageOptions): string;
  /**
   * Adds a call of a tool.
   * @returns the id of the message.
   * @throws TypeError if an argument is wrong.
   * @example
   * ```js
   * conversation.addToolUse("call-1", "searchCode", { query: "find main function" });
   * ```
   */
  addToolUse(toolID: string, name: string, input: JsonObject, options?: MessageOptions): string;
  /**
   * Adds the answer of a tool. `{ metadata: { is_error: true } }` says that the tool failed.
   * @returns the id of the message.
   * @throws TypeError if an argument is wrong.
   * @example
   * ```js
   * conversation.addToolResult("call-1", "Found main function in main.go");
   * ```
   */
  addToolResult(toolID: string, result: string, options?: MessageOptions): string;
  /**
   * Adds what a chat step answers when it has ended: its text, and the calls and results of tools on the way to it, so
   * that the model knows of them when it is asked again.
   *
   * The messages hang below the one that was answered, if it is in this conversation, otherwise below the one added
   * last. An answer that was cancelled is added as far as it came, without calls that were not answered.
   * @param stream a stream of a chat step; its error is this method's to report.
   * @param options of the last message, the assistant's, whose id is `event.meta.messageId` unless given.
   * `parentID` says where the first one goes, `time` counts for all.
   * @returns the id of the assistant's message, when it is there.
   * @throws TypeError if it is no stream, or an option is wrong.
   * @throws StepError if the step failed; then nothing is added.
   * @example
   * ```js
   * conversation.addMessage("user", "What does a block of walnut cost?");
   * await conversation.addAnswer(chatStep.startStream(conversation));
   * conversation.addMessage("user", "And two of them?");
   * await conversation.addAnswer(chatStep.startStream(conversation));
   * ```
   */
  addAnswer(stream: Stream<string>, options?: MessageOptions): Promise<string>;
  /**
   * Every message, in the order they were added.
   * @example
   * ```js
   * for (const message of conversation.getMessages()) console.log(message.type, message.id);
   * ```
   */
  getMessages(): ConversationMessage[];
  /**
   * The messages from the first down to one: what a model is sent.
   * @param id of the last message of the thread; the one added last unless given.
   * @throws TypeError if there is no such message.
   * @example
   * ```js
   * const depth = conversation.getThread().length;
   * ```
   */
  getThread(id?: string): ConversationMessage[];
  /**
   * A message as text: `[role]: text`, `ToolUseContent{…}` or `ToolResultContent{…}`.
   * @throws TypeError if there is no such message.
   * @example
   * ```js
   * const id = conversation.addMessage("user", "Hello");
   * console.log(conversation.getMessageView(id)); // "[user]: Hello"
   * ```
   */
  getMessageView(id: string): string;
  /**
   * Adds to the metadata of a message.
   * @throws TypeError if there is no such message or the metadata is not an object.
   * @example
   * ```js
   * conversation.updateMetadata(id, { processed: true });
   * ```
   */
  updateMetadata(id: string, metadata: JsonObject): void;
  /**
   * The thread as one text: a line `[role]: text` for each message, or just the text of a single one.
   * @example
   * ```js
   * console.log(conversation.getSinglePrompt());
   * ```
   */
  getSinglePrompt(): string;
  /**
   * The thread as plain, frozen data.
   * @example
   * ```js
   * const json = JSON.stringify(conversation.toConversation());
   * ```
   */
  toConversation(): ConversationSnapshot;
  /**
   * The same as {@link Conversation.toConversation}: what `JSON.stringify` writes.
   * @example
   * ```js
   * const json = JSON.stringify(conversation);
   * ```
   */
  toJSON(): ConversationSnapshot;
  /**
   * @deprecated Nothing here is Go: use {@link Conversation.toConversation}, which this calls.
   * @example
   * ```js
   * const snapshot = conversation.toGoConversation();
   * ```
   */
  toGoConversation(): ConversationSnapshot;
  /**
   * The same as {@link Conversation.addMessage}.
   * @example
   * ```js
   * const id = conversation.AddMessage("user", "Hello");
   * ```
   */
  AddMessage(role: Role, text: string, options?: MessageOptions): string;
  /**
   * The same as {@link Conversation.addMessageWithImage}.
   * @example
   * ```js
   * conversation.AddMessageWithImage("user", "What is in this image?", "cat.png");
   * ```
   */
  AddMessageWithImage(role: Role, text: string, image: string, options?: MessageOptions): string;
  /**
   * The same as {@link Conversation.addToolUse}.
   * @example
   * ```js
   * conversation.AddToolUse("call-1", "searchCode", { query: "find main function" });
   * ```
   */
  AddToolUse(toolID: string, name: string, input: JsonObject, options?: MessageOptions): string;
  /**
   * The same as {@link Conversation.addToolResult}.
   * @example
   * ```js
   * conversation.AddToolResult("call-1", "Found main function in main.go");
   * ```
   */
  AddToolResult(toolID: string, result: string, options?: MessageOptions): string;
  /**
   * The same as {@link Conversation.getMessages}.
   * @example
   * ```js
   * const messages = conversation.GetMessages();
   * ```
   */
  GetMessages(): ConversationMessage[];
  /**
   * The same as {@link Conversation.getMessageView}.
   * @example
   * ```js
   * console.log(conversation.GetMessageView(id)); // "[user]: Hello"
   * ```
   */
  GetMessageView(id: string): string;
  /**
   * The same as {@link Conversation.updateMetadata}.
   * @example
   * ```js
   * conversation.UpdateMetadata(id, { processed: true });
   * ```
   */
  UpdateMetadata(id: string, metadata: JsonObject): void;
  /**
   * The same as {@link Conversation.getSinglePrompt}.
   * @example
   * ```js
   * const prompt = conversation.GetSinglePrompt();
   * ```
   */
  GetSinglePrompt(): string;
}

// ---------------------------------------------------------------------------------------------------- embeddings

/**
 * The model that makes embeddings.
 * @example
 * ```js
 * const { name, dimensions } = embeddings.getModel();
 * ```
 */
interface EmbeddingModel {
  /**
   * Its name.
   * @example
   * ```js
   * console.log(embeddings.getModel().name);
   * ```
   */
  readonly name: string;
  /**
   * The length of the vectors it makes.
   * @example
   * ```js
   * const bytes = embeddings.getModel().dimensions * 4;
   * ```
   */
  readonly dimensions: number;
}

/**
 * What {@link Embeddings.generateEmbeddingWithCallbacks} calls.
 * @example
 * ```js
 * embeddings.generateEmbeddingWithCallbacks("Hello", { onSuccess: console.log, onError: console.error });
 * ```
 */
interface EmbeddingCallbacks {
  /**
   * The vector is there.
   * @example
   * ```js
   * embeddings.generateEmbeddingWithCallbacks("Hello", { onSuccess: (vector) => console.log(vector.length) });
   * ```
   */
  onSuccess: (embedding: Float32Array) => unknown;
  /**
   * It could not be made. Without this function, that makes the run fail.
   * @example
   * ```js
   * embeddings.generateEmbeddingWithCallbacks("Hello", {
   *   onSuccess: console.log,
   *   onError: (error) => console.error(error.message),
   * });
   * ```
   */
  onError?: ((error: Error) => unknown) | undefined;
}

/**
 * Vectors that stand for the meaning of texts: near each other for texts that mean nearly the same.
 * @example
 * ```js
 * const [a, b] = await Promise.all(["cat", "kitten"].map((text) => embeddings.generateEmbeddingAsync(text)));
 * ```
 */
interface Embeddings {
  /**
   * The model in use.
   * @example
   * ```js
   * console.log("Using model:", embeddings.getModel().name);
   * ```
   */
  getModel(): EmbeddingModel;
  /**
   * The vector of a text. The whole script waits for it.
   * @throws TypeError if the text is not a string; Error if the provider fails.
   * @example
   * ```js
   * const vector = embeddings.generateEmbedding("Hello, world!");
   * ```
   */
  generateEmbedding(text: string): Float32Array;
  /**
   * The vector of a text. Those asked for in the same turn travel as one request, so `Promise.all` is quick.
   * @returns rejects if the provider fails.
   * @throws TypeError if the text is not a string.
   * @example
   * ```js
   * const vectors = await Promise.all(texts.map((text) => embeddings.generateEmbeddingAsync(text)));
   * ```
   */
  generateEmbeddingAsync(text: string): Promise<Float32Array>;
  /**
   * Asks for the vector of a text and calls back.
   * @returns a function that cancels: after it, neither callback is called.
   * @throws TypeError if an argument is wrong.
   * @example
   * ```js
   * const cancel = embeddings.generateEmbeddingWithCallbacks("Hello", {
   *   onSuccess: (vector) => console.log(vector.length),
   *   onError: (error) => console.error(error.message),
   * });
   * setTimeout(cancel, 5000);
   * ```
   */
  generateEmbeddingWithCallbacks(text: string, callbacks: EmbeddingCallbacks): () => void;
}

/**
 * Embeddings by the model of the profile in use; with nothing configured, by an offline one that compares words.
 * @example
 * ```js
 * const vector = await embeddings.generateEmbeddingAsync("Hello, world!");
 * ```
 */
declare const embeddings: Embeddings;

// ---------------------------------------------------------------------------------------------------- tools

/**
 * A JSON schema, as far as {@link FromSchema} reads it; other keywords may be used too.
 * @example
 * ```ts
 * const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] } as const;
 * ```
 */
interface JsonSchema {
  /**
   * The type of the value.
   * @example
   * ```ts
   * const schema: JsonSchema = { type: "string" };
   * ```
   */
  readonly type?: string | readonly string[];
  /**
   * What the value is, in words a model understands.
   * @example
   * ```ts
   * const schema: JsonSchema = { type: "string", description: "The name of a city" };
   * ```
   */
  readonly description?: string;
  /**
   * The properties of an object.
   * @example
   * ```ts
   * const schema: JsonSchema = { type: "object", properties: { city: { type: "string" } } };
   * ```
   */
  readonly properties?: { readonly [name: string]: JsonSchema };
  /**
   * The properties an object must have.
   * @example
   * ```ts
   * const schema: JsonSchema = { type: "object", properties: { city: {} }, required: ["city"] };
   * ```
   */
  readonly required?: readonly string[];
  /**
   * The items of an array.
   * @example
   * ```ts
   * const schema: JsonSchema = { type: "array", items: { type: "number" } };
   * ```
   */
  readonly items?: JsonSchema;
  /**
   * The only values allowed.
   * @example
   * ```ts
   * const schema: JsonSchema = { enum: ["celsius", "fahrenheit"] };
   * ```
   */
  readonly enum?: readonly JsonValue[];
  /**
   * Any other keyword of JSON schema.
   * @example
   * ```ts
   * const schema: JsonSchema = { type: "number", minimum: 0 };
   * ```
   */
  readonly [keyword: string]: unknown;
}

/**
 * The type of the values a JSON schema allows.
 * @example
 * ```ts
 * type Place = FromSchema<{ type: "object"; properties: { city: { type: "string" } }; required: ["city"] }>;
 * const place: Place = { city: "Paris" };
 * ```
 */
type FromSchema<Schema> = Schema extends { readonly enum: readonly (infer Value)[] }
  ? Value
  : Schema extends { readonly type: "string" }
    ? string
    : Schema extends { readonly type: "number" | "integer" }
      ? number
      : Schema extends { readonly type: "boolean" }
        ? boolean
        : Schema extends { readonly type: "null" }
          ? null
          : Schema extends { readonly type: "array"; readonly items: infer Item }
            ? FromSchema<Item>[]
            : Schema extends { readonly type: "array" }
              ? JsonValue[]
              : Schema extends { readonly type: "object"; readonly properties: infer Properties }
                ? FromProperties<Properties, Schema extends { readonly required: readonly (infer Name)[] } ? Name : never>
                : Schema extends { readonly type: "object" }
                  ? { [name: string]: JsonValue }
                  : JsonValue;

/**
 * The object a schema's `properties` describe.
 * @example
 * ```ts
 * type Place = FromProperties<{ city: { type: "string" } }, "city">; // { city: string }
 * ```
 */
type FromProperties<Properties, Required> = {
  -readonly [Name in keyof Properties as Name extends Required ? Name : never]: FromSchema<Properties[Name]>;
} & {
  -readonly [Name in keyof Properties as Name extends Required ? never : Name]?: FromSchema<Properties[Name]>;
};

/**
 * A tool before it is one: what {@link defineTool} takes.
 * @example
 * ```js
 * defineTool({ name: "clock", description: "The time now", handler: () => new Date().toISOString() });
 * ```
 */
interface ToolDefinition<Schema = JsonSchema> {
  /**
   * Its name: 1 to 64 letters, digits, `_` or `-`.
   * @example
   * ```js
   * defineTool({ name: "clock", description: "The time now", handler: () => new Date().toISOString() });
   * ```
   */
  name: string;
  /**
   * What it does and when to use it, for the model.
   * @example
   * ```js
   * defineTool({ name: "clock", description: "The time now", handler: () => new Date().toISOString() });
   * ```
   */
  description: string;
  /**
   * The JSON schema of its arguments; none unless given. Arguments are checked against it before the handler runs.
   * @example
   * ```js
   * defineTool({
   *   name: "add",
   *   description: "Adds two numbers",
   *   parameters: {
   *     type: "object",
   *     properties: { a: { type: "number" }, b: { type: "number" } },
   *     required: ["a", "b"],
   *   },
   *   handler: ({ a, b }) => a + b,
   * });
   * ```
   */
  parameters?: Schema | undefined;
  /**
   * Does the work. What it returns, or resolves to, is told to the model as JSON; what it throws, as an error.
   * @example
   * ```js
   * defineTool({
   *   name: "clock",
   *   description: "The time now",
   *   handler: async () => new Date().toISOString(),
   * });
   * ```
   */
  handler: (input: FromSchema<Schema>) => unknown;
}

/**
 * A tool a model may call.
 * @example
 * ```js
 * const clock = defineTool({ name: "clock", description: "The time", handler: () => new Date().toISOString() });
 * chatStep.startStream("What time is it?", { tools: [clock] });
 * ```
 */
interface Tool {
  /**
   * Its name.
   * @example
   * ```js
   * console.log(clock.name); // "clock"
   * ```
   */
  readonly name: string;
  /**
   * What it does.
   * @example
   * ```js
   * console.log(clock.description);
   * ```
   */
  readonly description: string;
  /**
   * The JSON schema of its arguments.
   * @example
   * ```js
   * console.log(clock.parameters);
   * ```
   */
  readonly parameters: JsonSchema;
}

/**
 * Lets models call a function of the script. Chat steps started afterwards offer it, unless their `tools` say otherwise.
 * @throws TypeError if a part is wrong, or a tool of that name exists.
 * @example
 * ```js
 * defineTool({
 *   name: "weather",
 *   description: "The weather in a city",
 *   parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
 *   handler: ({ city }) => ({ city, sky: "clear", celsius: 21 }),
 * });
 * console.log(await chatStep.startStream("Do I need an umbrella in Paris?").finalText());
 * ```
 */
declare function defineTool<const Schema extends JsonSchema = { type: "object" }>(
  definition: ToolDefinition<Schema>,
): Tool;

// ---------------------------------------------------------------------------------------------------- the run

/**
 * Ends the run: with success, or as a failure if an error is given. What is still running is cancelled.
 * @example
 * ```js
 * if (params.name === undefined) done(new Error("give a name: --param name=…"));
 * ```
 */
declare function done(error?: unknown): void;

/**
 * What the run was given with `--param name=value`. Frozen.
 * @example
 * ```js
 * console.log(`Hello ${params.name ?? "world"}`);
 * ```
 */
declare const params: { readonly [name: string]: JsonValue | undefined };

// ---------------------------------------------------------------------------------------------------- console

/**
 * How {@link Console.dir} shows a value.
 * @example
 * ```js
 * console.dir({ a: { b: { c: { d: 1 } } } }, { depth: null });
 * ```
 */
interface InspectOptions {
  /**
   * How many levels of nested objects are shown; `null` for all, 2 unless given.
   * @example
   * ```js
   * console.dir({ a: { b: { c: { d: 1 } } } }, { depth: null });
   * ```
   */
  depth?: number | null | undefined;
  /**
   * Whether to use colours.
   * @example
   * ```js
   * console.dir([1, 2], { colors: true });
   * ```
   */
  colors?: boolean | undefined;
  /**
   * Whether to show properties that are not enumerable.
   * @example
   * ```js
   * console.dir(new Error("x"), { showHidden: true });
   * ```
   */
  showHidden?: boolean | undefined;
}

/**
 * Prints. Values are shown as in Node, and so are the formats `%s %d %i %f %j %o %O %c %%`.
 * @example
 * ```js
 * console.log("%s is %d", "answer", 42, { nested: [1, 2, 3] });
 * ```
 */
interface Console {
  /**
   * Prints.
   * @example
   * ```js
   * console.log("Hello", { name: "world" });
   * ```
   */
  log(...values: unknown[]): void;
  /**
   * Prints what is good to know.
   * @example
   * ```js
   * console.info("using", embeddings.getModel().name);
   * ```
   */
  info(...values: unknown[]): void;
  /**
   * Prints what helps to find an error.
   * @example
   * ```js
   * console.debug("state", { step: 3 });
   * ```
   */
  debug(...values: unknown[]): void;
  /**
   * Prints a warning.
   * @example
   * ```js
   * console.warn("no answer yet");
   * ```
   */
  warn(...values: unknown[]): void;
  /**
   * Prints an error. The run does not fail of it.
   * @example
   * ```js
   * console.error("failed:", new Error("no such file"));
   * ```
   */
  error(...values: unknown[]): void;
  /**
   * Prints one value with options.
   * @example
   * ```js
   * console.dir({ a: { b: { c: { d: 1 } } } }, { depth: null });
   * ```
   */
  dir(value?: unknown, options?: InspectOptions): void;
  /**
   * Prints rows as a table.
   * @param columns the properties to show, in order; all unless given.
   * @example
   * ```js
   * console.table([{ name: "a", size: 1 }, { name: "b", size: 2 }], ["name"]);
   * ```
   */
  table(data?: unknown, columns?: readonly string[]): void;
  /**
   * Prints the values and the calls that led here.
   * @example
   * ```js
   * console.trace("who calls me?");
   * ```
   */
  trace(...values: unknown[]): void;
  /**
   * Prints a warning if the condition is false. It throws nothing.
   * @example
   * ```js
   * console.assert(1 + 1 === 2, "arithmetic is broken");
   * ```
   */
  assert(condition?: unknown, ...values: unknown[]): void;
  /**
   * Prints how often it was called with this label.
   * @example
   * ```js
   * console.count("partials"); // partials: 1
   * ```
   */
  count(label?: string): void;
  /**
   * Starts the count of a label again.
   * @example
   * ```js
   * console.countReset("partials");
   * ```
   */
  countReset(label?: string): void;
  /**
   * Prints the values, and indents what follows.
   * @example
   * ```js
   * console.group("Answers");
   * console.log("first");
   * console.groupEnd();
   * ```
   */
  group(...values: unknown[]): void;
  /**
   * The same as {@link Console.group}.
   * @example
   * ```js
   * console.groupCollapsed("Details");
   * ```
   */
  groupCollapsed(...values: unknown[]): void;
  /**
   * Ends the indentation of the last group.
   * @example
   * ```js
   * console.groupEnd();
   * ```
   */
  groupEnd(): void;
  /**
   * Starts a stopwatch.
   * @example
   * ```js
   * console.time("answer");
   * ```
   */
  time(label?: string): void;
  /**
   * Prints how long a stopwatch has run.
   * @example
   * ```js
   * console.timeLog("answer", "first word");
   * ```
   */
  timeLog(label?: string, ...values: unknown[]): void;
  /**
   * Prints how long a stopwatch has run, and stops it.
   * @example
   * ```js
   * console.timeEnd("answer"); // answer: 1.204s
   * ```
   */
  timeEnd(label?: string): void;
}

/**
 * Prints to wherever the run's output goes.
 * @example
 * ```js
 * console.log("Hello");
 * ```
 */
declare const console: Console;

// ---------------------------------------------------------------------------------------------------- timers

/**
 * Calls a function later.
 * @param delay in milliseconds; at least 1.
 * @returns an id for {@link clearTimeout}.
 * @throws TypeError if the callback is not a function.
 * @example
 * ```js
 * await new Promise((resolve) => setTimeout(resolve, 1000));
 * ```
 */
declare function setTimeout(callback: (_: void) => unknown, delay?: number): number;

/**
 * Calls a function later.
 * @param delay in milliseconds; at least 1.
 * @param args for the function.
 * @returns an id for {@link clearTimeout}.
 * @throws TypeError if the callback is not a function.
 * @example
 * ```js
 * setTimeout(() => console.log("a second later"), 1000);
 * ```
 */
declare function setTimeout<Args extends unknown[]>(
  callback: (...args: Args) => unknown,
  delay?: number,
  ...args: Args
): number;

/**
 * Takes back {@link setTimeout}.
 * @example
 * ```js
 * const id = setTimeout(() => console.log("never"), 1000);
 * clearTimeout(id);
 * ```
 */
declare function clearTimeout(id?: number): void;

/**
 * Calls a function again and again, until {@link clearInterval}.
 * @param delay between two calls, in milliseconds; at least 1.
 * @returns an id for {@link clearInterval}.
 * @throws TypeError if the callback is not a function.
 * @example
 * ```js
 * const id = setInterval(() => console.log("tick"), 1000);
 * ```
 */
declare function setInterval(callback: (_: void) => unknown, delay?: number): number;

/**
 * Calls a function again and again, until {@link clearInterval}.
 * @param delay between two calls, in milliseconds; at least 1.
 * @param args for the function.
 * @returns an id for {@link clearInterval}.
 * @throws TypeError if the callback is not a function.
 * @example
 * ```js
 * const id = setInterval(() => console.log("tick"), 1000);
 * ```
 */
declare function setInterval<Args extends unknown[]>(
  callback: (...args: Args) => unknown,
  delay?: number,
  ...args: Args
): number;

/**
 * Takes back {@link setInterval}.
 * @example
 * ```js
 * const id = setInterval(() => console.log("tick"), 1000);
 * clearInterval(id);
 * ```
 */
declare function clearInterval(id?: number): void;

/**
 * Calls a function as soon as what runs now is done.
 * @returns an id for {@link clearImmediate}.
 * @throws TypeError if the callback is not a function.
 * @example
 * ```js
 * await new Promise((resolve) => setImmediate(resolve));
 * ```
 */
declare function setImmediate(callback: (_: void) => unknown): number;

/**
 * Calls a function as soon as what runs now is done.
 * @param args for the function.
 * @returns an id for {@link clearImmediate}.
 * @throws TypeError if the callback is not a function.
 * @example
 * ```js
 * setImmediate(() => console.log("second"));
 * console.log("first");
 * ```
 */
declare function setImmediate<Args extends unknown[]>(callback: (...args: Args) => unknown, ...args: Args): number;

/**
 * Takes back {@link setImmediate}.
 * @example
 * ```js
 * clearImmediate(setImmediate(() => console.log("never")));
 * ```
 */
declare function clearImmediate(id?: number): void;

/**
 * Calls a function after the code that runs now, before anything else.
 * @throws TypeError if the callback is not a function.
 * @example
 * ```js
 * queueMicrotask(() => console.log("second"));
 * console.log("first");
 * ```
 */
declare function queueMicrotask(callback: () => unknown): void;

/**
 * A clock for measuring.
 * @example
 * ```js
 * const start = performance.now();
 * await chatStep.startStream("Hello").finalText();
 * console.log(performance.now() - start, "ms");
 * ```
 */
interface Performance {
  /**
   * Milliseconds since {@link Performance.timeOrigin}; never runs backwards.
   * @example
   * ```js
   * const start = performance.now();
   * ```
   */
  now(): number;
  /**
   * When the run began, in milliseconds since 1970.
   * @example
   * ```js
   * console.log(new Date(performance.timeOrigin));
   * ```
   */
  readonly timeOrigin: number;
}

/**
 * A clock for measuring.
 * @example
 * ```js
 * console.log(performance.now());
 * ```
 */
declare const performance: Performance;

// ---------------------------------------------------------------------------------------------------- web platform

/**
 * Something that happened to an {@link EventTarget}. (The events of a step are {@link StreamEvent}s.)
 * @example
 * ```js
 * const target = new EventTarget();
 * target.addEventListener("ready", (event) => console.log(event.type));
 * target.dispatchEvent(new Event("ready"));
 * ```
 */
declare class Event {
  /**
   * @example
   * ```js
   * const event = new Event("ready", { cancelable: true });
   * ```
   */
  constructor(type: string, options?: EventInit);
  /**
   * Its name.
   * @example
   * ```js
   * console.log(new Event("ready").type); // "ready"
   * ```
   */
  readonly type: string;
  /**
   * What it was dispatched to.
   * @example
   * ```js
   * target.addEventListener("ready", (event) => console.log(event.target === target)); // true
   * ```
   */
  readonly target: EventTarget | null;
  /**
   * What is calling its listeners now.
   * @example
   * ```js
   * target.addEventListener("ready", (event) => console.log(event.currentTarget));
   * ```
   */
  readonly currentTarget: EventTarget | null;
  /**
   * Whether {@link Event.preventDefault} does anything.
   * @example
   * ```js
   * console.log(new Event("ready").cancelable); // false
   * ```
   */
  readonly cancelable: boolean;
  /**
   * Whether a listener called {@link Event.preventDefault}.
   * @example
   * ```js
   * console.log(event.defaultPrevented);
   * ```
   */
  readonly defaultPrevented: boolean;
  /**
   * When it was made, in milliseconds.
   * @example
   * ```js
   * console.log(new Event("ready").timeStamp);
   * ```
   */
  readonly timeStamp: number;
  /**
   * Says that the usual consequence should not follow: `dispatchEvent` then returns false.
   * @example
   * ```js
   * target.addEventListener("close", (event) => event.preventDefault());
   * ```
   */
  preventDefault(): void;
  /**
   * Keeps the event from other targets.
   * @example
   * ```js
   * target.addEventListener("ready", (event) => event.stopPropagation());
   * ```
   */
  stopPropagation(): void;
  /**
   * Keeps the event from the listeners after this one.
   * @example
   * ```js
   * target.addEventListener("ready", (event) => event.stopImmediatePropagation());
   * ```
   */
  stopImmediatePropagation(): void;
}

/**
 * How an {@link Event} is made.
 * @example
 * ```js
 * new Event("ready", { cancelable: true });
 * ```
 */
interface EventInit {
  /**
   * Whether it rises to the targets around; there are none here.
   * @example
   * ```js
   * new Event("ready", { bubbles: false });
   * ```
   */
  bubbles?: boolean;
  /**
   * Whether {@link Event.preventDefault} does anything.
   * @example
   * ```js
   * new Event("ready", { cancelable: true });
   * ```
   */
  cancelable?: boolean;
}

/**
 * How a listener is added.
 * @example
 * ```js
 * target.addEventListener("ready", () => console.log("once"), { once: true });
 * ```
 */
interface AddEventListenerOptions {
  /**
   * Whether the listener is called once only.
   * @example
   * ```js
   * target.addEventListener("ready", () => console.log("once"), { once: true });
   * ```
   */
  once?: boolean;
  /**
   * Takes the listener away when it aborts.
   * @example
   * ```js
   * target.addEventListener("ready", () => console.log("ready"), { signal: AbortSignal.timeout(1000) });
   * ```
   */
  signal?: AbortSignal;
}

/**
 * Something that can be listened to.
 * @example
 * ```js
 * const target = new EventTarget();
 * target.addEventListener("ready", () => console.log("ready"));
 * target.dispatchEvent(new Event("ready"));
 * ```
 */
declare class EventTarget {
  /**
   * @example
   * ```js
   * const target = new EventTarget();
   * ```
   */
  constructor();
  /**
   * Calls `listener` with every event of one name.
   * @example
   * ```js
   * target.addEventListener("ready", (event) => console.log(event.type));
   * ```
   */
  addEventListener(type: string, listener: (event: Event) => unknown, options?: AddEventListenerOptions): void;
  /**
   * Takes back {@link EventTarget.addEventListener}.
   * @example
   * ```js
   * target.removeEventListener("ready", listener);
   * ```
   */
  removeEventListener(type: string, listener: (event: Event) => unknown): void;
  /**
   * Calls the listeners of an event.
   * @returns false if one of them called {@link Event.preventDefault}.
   * @example
   * ```js
   * target.dispatchEvent(new Event("ready"));
   * ```
   */
  dispatchEvent(event: Event): boolean;
}

/**
 * Says when to stop.
 * @example
 * ```js
 * const stream = chatStep.startStream("Hello", { signal: AbortSignal.timeout(30_000) });
 * ```
 */
declare class AbortSignal extends EventTarget {
  private constructor();
  /**
   * A signal that has aborted.
   * @example
   * ```js
   * AbortSignal.abort("too late").throwIfAborted(); // throws "too late"
   * ```
   */
  static abort(reason?: unknown): AbortSignal;
  /**
   * A signal that aborts after so many milliseconds. It does not keep the run from ending.
   * @example
   * ```js
   * chatStep.startStream("Hello", { signal: AbortSignal.timeout(30_000) });
   * ```
   */
  static timeout(delay: number): AbortSignal;
  /**
   * A signal that aborts with the first of several.
   * @example
   * ```js
   * const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(30_000)]);
   * ```
   */
  static any(signals: Iterable<AbortSignal>): AbortSignal;
  /**
   * Whether it has aborted.
   * @example
   * ```js
   * while (!signal.aborted) await nextQuestion();
   * ```
   */
  readonly aborted: boolean;
  /**
   * Why: what was given to `abort`, or an `AbortError` or `TimeoutError`.
   * @example
   * ```js
   * console.log(AbortSignal.abort("too late").reason); // "too late"
   * ```
   */
  readonly reason: unknown;
  /**
   * Called when it aborts.
   * @example
   * ```js
   * controller.signal.onabort = () => console.log("stopping");
   * ```
   */
  onabort: ((event: Event) => unknown) | null;
  /**
   * Throws the reason if it has aborted.
   * @example
   * ```js
   * for (const question of questions) {
   *   signal.throwIfAborted();
   *   await ask(question);
   * }
   * ```
   */
  throwIfAborted(): void;
}

/**
 * Aborts a signal.
 * @example
 * ```js
 * const controller = new AbortController();
 * const stream = chatStep.startStream("Hello", { signal: controller.signal });
 * setTimeout(() => controller.abort(), 10_000);
 * ```
 */
declare class AbortController {
  /**
   * @example
   * ```js
   * const controller = new AbortController();
   * ```
   */
  constructor();
  /**
   * The signal.
   * @example
   * ```js
   * chatStep.startStream("Hello", { signal: controller.signal });
   * ```
   */
  readonly signal: AbortSignal;
  /**
   * Aborts it.
   * @example
   * ```js
   * controller.abort();
   * ```
   */
  abort(reason?: unknown): void;
}

/**
 * An error of the web platform, told apart by its `name`.
 * @example
 * ```js
 * throw new DOMException("stopped by the user", "AbortError");
 * ```
 */
declare class DOMException extends Error {
  /**
   * @example
   * ```js
   * const error = new DOMException("stopped by the user", "AbortError");
   * ```
   */
  constructor(message?: string, name?: string);
  /**
   * The kind of error, for example `"AbortError"`.
   * @example
   * ```js
   * if (error.name === "AbortError") console.log("stopped");
   * ```
   */
  readonly name: string;
  /**
   * What went wrong.
   * @example
   * ```js
   * console.log(error.message);
   * ```
   */
  readonly message: string;
  /**
   * The old number of the kind, or 0.
   * @example
   * ```js
   * console.log(new DOMException("", "AbortError").code); // 20
   * ```
   */
  readonly code: number;
}

/**
 * A deep copy: of plain data, maps, sets, dates, errors, buffers; cycles too.
 * @throws DOMException named `DataCloneError` for what cannot be copied, such as functions.
 * @example
 * ```js
 * const copy = structuredClone({ when: new Date(), tags: new Set(["a"]) });
 * ```
 */
declare function structuredClone<Value>(value: Value, options?: { transfer?: readonly ArrayBuffer[] }): Value;

/**
 * Base64 to a string of bytes.
 * @example
 * ```js
 * console.log(atob("aGk=")); // "hi"
 * ```
 */
declare function atob(data: string): string;

/**
 * A string of bytes to base64.
 * @throws DOMException if a character is beyond Latin-1.
 * @example
 * ```js
 * console.log(btoa("hi")); // "aGk="
 * ```
 */
declare function btoa(data: string): string;

/**
 * Text to UTF-8.
 * @example
 * ```js
 * const bytes = new TextEncoder().encode("héllo");
 * ```
 */
declare class TextEncoder {
  /**
   * @example
   * ```js
   * const encoder = new TextEncoder();
   * ```
   */
  constructor();
  /**
   * `"utf-8"`
   * @example
   * ```js
   * console.log(new TextEncoder().encoding); // "utf-8"
   * ```
   */
  readonly encoding: string;
  /**
   * The bytes of a text.
   * @example
   * ```js
   * console.log(new TextEncoder().encode("héllo").length); // 6
   * ```
   */
  encode(text?: string): Uint8Array<ArrayBuffer>;
  /**
   * Writes the bytes of a text into an array, as far as they fit.
   * @returns how many UTF-16 units were read and how many bytes were written.
   * @example
   * ```js
   * const { read, written } = new TextEncoder().encodeInto("hello", new Uint8Array(3));
   * ```
   */
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
}

/**
 * How a {@link TextDecoder} treats what it gets.
 * @example
 * ```js
 * const decoder = new TextDecoder("utf-8", { fatal: true });
 * ```
 */
interface TextDecoderOptions {
  /**
   * Whether wrong bytes throw, instead of becoming `\uFFFD`.
   * @example
   * ```js
   * new TextDecoder("utf-8", { fatal: true });
   * ```
   */
  fatal?: boolean;
  /**
   * Whether a byte order mark is kept.
   * @example
   * ```js
   * new TextDecoder("utf-8", { ignoreBOM: true });
   * ```
   */
  ignoreBOM?: boolean;
}

/**
 * Bytes to text: UTF-8, UTF-16 and the single-byte encodings.
 * @example
 * ```js
 * console.log(new TextDecoder().decode(new Uint8Array([104, 105]))); // "hi"
 * ```
 */
declare class TextDecoder {
  /**
   * @param label the encoding; `"utf-8"` unless given.
   * @throws RangeError for an unknown encoding.
   * @example
   * ```js
   * const decoder = new TextDecoder("utf-16le");
   * ```
   */
  constructor(label?: string, options?: TextDecoderOptions);
  /**
   * The name of the encoding.
   * @example
   * ```js
   * console.log(new TextDecoder("latin1").encoding); // "windows-1252"
   * ```
   */
  readonly encoding: string;
  /**
   * Whether wrong bytes throw.
   * @example
   * ```js
   * console.log(new TextDecoder().fatal); // false
   * ```
   */
  readonly fatal: boolean;
  /**
   * Whether a byte order mark is kept.
   * @example
   * ```js
   * console.log(new TextDecoder().ignoreBOM); // false
   * ```
   */
  readonly ignoreBOM: boolean;
  /**
   * The text of some bytes; with `stream`, a character may go on in the next call.
   * @throws TypeError for wrong bytes, if the decoder is `fatal`.
   * @example
   * ```js
   * console.log(new TextDecoder().decode(new Uint8Array([104, 105]))); // "hi"
   * ```
   */
  decode(bytes?: ArrayBufferView | ArrayBufferLike, options?: { stream?: boolean }): string;
}

/**
 * The parameters of a URL.
 * @example
 * ```js
 * const query = new URLSearchParams({ q: "cats", page: "2" });
 * console.log(`${query}`); // "q=cats&page=2"
 * ```
 */
declare class URLSearchParams {
  /**
   * @example
   * ```js
   * const query = new URLSearchParams("q=cats&page=2");
   * ```
   */
  constructor(init?: string | Readonly<Record<string, string>> | Iterable<readonly [string, string]>);
  /**
   * How many parameters there are.
   * @example
   * ```js
   * console.log(new URLSearchParams("a=1&b=2").size); // 2
   * ```
   */
  readonly size: number;
  /**
   * Adds a parameter.
   * @example
   * ```js
   * query.append("tag", "new");
   * ```
   */
  append(name: string, value: string): void;
  /**
   * Removes the parameters of a name, or of a name and value.
   * @example
   * ```js
   * query.delete("tag");
   * ```
   */
  delete(name: string, value?: string): void;
  /**
   * The first value of a name.
   * @example
   * ```js
   * console.log(query.get("page"));
   * ```
   */
  get(name: string): string | null;
  /**
   * Every value of a name.
   * @example
   * ```js
   * console.log(query.getAll("tag"));
   * ```
   */
  getAll(name: string): string[];
  /**
   * Whether there is a parameter of that name, or of that name and value.
   * @example
   * ```js
   * if (query.has("page")) console.log("paged");
   * ```
   */
  has(name: string, value?: string): boolean;
  /**
   * Replaces the parameters of a name by one.
   * @example
   * ```js
   * query.set("page", "3");
   * ```
   */
  set(name: string, value: string): void;
  /**
   * Sorts the parameters by name.
   * @example
   * ```js
   * query.sort();
   * ```
   */
  sort(): void;
  /**
   * Calls a function with every parameter.
   * @example
   * ```js
   * query.forEach((value, name) => console.log(name, value));
   * ```
   */
  forEach(callback: (value: string, name: string, parent: URLSearchParams) => unknown): void;
  /**
   * The parameters as `[name, value]`.
   * @example
   * ```js
   * console.log([...query.entries()]);
   * ```
   */
  entries(): IterableIterator<[string, string]>;
  /**
   * Their names.
   * @example
   * ```js
   * console.log([...query.keys()]);
   * ```
   */
  keys(): IterableIterator<string>;
  /**
   * Their values.
   * @example
   * ```js
   * console.log([...query.values()]);
   * ```
   */
  values(): IterableIterator<string>;
  /**
   * The parameters as they stand in a URL, without `?`.
   * @example
   * ```js
   * console.log(new URLSearchParams({ q: "cats" }).toString()); // "q=cats"
   * ```
   */
  toString(): string;
  /**
   * The parameters as `[name, value]`.
   * @example
   * ```js
   * for (const [name, value] of query) console.log(name, value);
   * ```
   */
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

/**
 * A URL and its parts. Setting one changes the URL.
 * @example
 * ```js
 * const url = new URL("../b?x=1", "https://example.org/a/c");
 * console.log(url.href); // "https://example.org/b?x=1"
 * ```
 */
declare class URL {
  /**
   * @param base what a relative URL is relative to.
   * @throws TypeError if it is not a URL.
   * @example
   * ```js
   * const url = new URL("https://example.org/a?b=c#d");
   * ```
   */
  constructor(url: string | URL, base?: string | URL);
  /**
   * Whether a text is a URL.
   * @example
   * ```js
   * console.log(URL.canParse("https://example.org")); // true
   * ```
   */
  static canParse(url: string | URL, base?: string | URL): boolean;
  /**
   * A URL, or `null` if it is none.
   * @example
   * ```js
   * console.log(URL.parse("nonsense")); // null
   * ```
   */
  static parse(url: string | URL, base?: string | URL): URL | null;
  /**
   * The whole URL.
   * @example
   * ```js
   * console.log(url.href);
   * ```
   */
  href: string;
  /**
   * Protocol, host and port.
   * @example
   * ```js
   * console.log(new URL("https://example.org/a").origin); // "https://example.org"
   * ```
   */
  readonly origin: string;
  /**
   * The protocol with its colon.
   * @example
   * ```js
   * console.log(new URL("https://example.org").protocol); // "https:"
   * ```
   */
  protocol: string;
  /**
   * The user name.
   * @example
   * ```js
   * console.log(new URL("https://ada@example.org").username); // "ada"
   * ```
   */
  username: string;
  /**
   * The password.
   * @example
   * ```js
   * url.password = "";
   * ```
   */
  password: string;
  /**
   * Host name and port.
   * @example
   * ```js
   * console.log(new URL("https://example.org:8080").host); // "example.org:8080"
   * ```
   */
  host: string;
  /**
   * The host name.
   * @example
   * ```js
   * console.log(new URL("https://example.org:8080").hostname); // "example.org"
   * ```
   */
  hostname: string;
  /**
   * The port, empty if it is the protocol's own.
   * @example
   * ```js
   * console.log(new URL("https://example.org:8080").port); // "8080"
   * ```
   */
  port: string;
  /**
   * The path.
   * @example
   * ```js
   * console.log(new URL("https://example.org/a/b").pathname); // "/a/b"
   * ```
   */
  pathname: string;
  /**
   * The parameters with their `?`, or an empty text.
   * @example
   * ```js
   * console.log(new URL("https://example.org?a=1").search); // "?a=1"
   * ```
   */
  search: string;
  /**
   * The parameters; changing them changes the URL.
   * @example
   * ```js
   * url.searchParams.set("page", "2");
   * ```
   */
  readonly searchParams: URLSearchParams;
  /**
   * The fragment with its `#`, or an empty text.
   * @example
   * ```js
   * console.log(new URL("https://example.org#top").hash); // "#top"
   * ```
   */
  hash: string;
  /**
   * The whole URL.
   * @example
   * ```js
   * console.log(url.toString() === url.href); // true
   * ```
   */
  toString(): string;
  /**
   * The whole URL: what `JSON.stringify` writes.
   * @example
   * ```js
   * console.log(JSON.stringify({ url }));
   * ```
   */
  toJSON(): string;
}
