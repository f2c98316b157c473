/**
 * Events: from the wire's snake_case to the objects scripts see.
 *
 * Properties are camelCase; the snake_case spellings are accessors on the prototypes, so they can be read but do not
 * show. `constructor` stays `Object` there, so that an event prints, and compares, like the plain object it is.
 */
import { hide } from "./errors";
import { jsonParse } from "./primordials";

interface WireUsage {
  input_tokens: number;
  output_tokens: number;
  cost?: number;
}

interface WireMeta {
  message_id: string;
  parent_id: string;
  engine: string;
  temperature?: number;
  top_p?: number;
  max_tokens?: number;
  usage?: WireUsage;
  stop_reason?: string;
}

interface WireStep {
  step_id: string;
  type: string;
  input_type: string;
  output_type: string;
  meta: Record<string, JsonValue>;
}

/** An event as the host sends it. */
export type WireEvent = { meta: WireMeta; step: WireStep } & (
  | { type: "start" }
  | { type: "partial"; delta: string }
  | { type: "tool-call"; tool_call: { id: string; name: string; input: string } }
  | { type: "tool-result"; tool_result: { id: string; result: JsonValue; is_error?: boolean } }
  | { type: "final"; text: string; result?: JsonValue }
  | { type: "error"; error_string: string; code?: string }
  | { type: "interrupt"; text: string }
);

class Usage {
  inputTokens: number;
  outputTokens: number;
  declare cost?: number;
  constructor(wire: WireUsage) {
    this.inputTokens = wire.input_tokens;
    this.outputTokens = wire.output_tokens;
    if (wire.cost != null) this.cost = wire.cost;
  }
  get input_tokens(): number {
    return this.inputTokens;
  }
  get output_tokens(): number {
    return this.outputTokens;
  }
}

class Meta {
  messageId: string;
  parentId: string;
  engine: string;
  declare temperature?: number;
  declare topP?: number;
  declare maxTokens?: number;
  declare usage?: Usage;
  declare stopReason?: string;
  constructor(wire: WireMeta) {
    this.messageId = wire.message_id;
    this.parentId = wire.parent_id;
    this.engine = wire.engine;
    if (wire.temperature != null) this.temperature = wire.temperature;
    if (wire.top_p != null) this.topP = wire.top_p;
    if (wire.max_tokens != null) this.maxTokens = wire.max_tokens;
    if (wire.usage != null) this.usage = new Usage(wire.usage);
    if (wire.stop_reason != null) this.stopReason = wire.stop_reason;
  }
  get message_id(): string {
    return this.messageId;
  }
  get parent_id(): string {
    return this.parentId;
  }
  get top_p(): number | undefined {
    return this.topP;
  }
  get max_tokens(): number | undefined {
    return this.maxTokens;
  }
  get stop_reason(): string | undefined {
    return this.stopReason;
  }
}

class StepInfo {
  stepId: string;
  type: string;
  inputType: string;
  outputType: string;
  metadata: Record<string, JsonValue>;
  constructor(wire: WireStep) {
    this.stepId = wire.step_id;
    this.type = wire.type;
    this.inputType = wire.input_type;
    this.outputType = wire.output_type;
    this.metadata = wire.meta;
  }
  get step_id(): string {
    return this.stepId;
  }
  get input_type(): string {
    return this.inputType;
  }
  get output_type(): string {
    return this.outputType;
  }
  get meta(): Record<string, JsonValue> {
    return this.metadata;
  }
}

class ToolCallEvent {
  type = "tool-call" as const;
  constructor(
    public meta: Meta,
    public step: StepInfo,
    public toolCall: { id: string; name: string; input: JsonValue | undefined; rawInput: string },
  ) {}
  get tool_call(): ToolCallEvent["toolCall"] {
    return this.toolCall;
  }
}

class ToolResultEvent {
  type = "tool-result" as const;
  constructor(
    public meta: Meta,
    public step: StepInfo,
    public toolResult: { id: string; result: JsonValue; isError: boolean },
  ) {}
  get tool_result(): ToolResultEvent["toolResult"] {
    return this.toolResult;
  }
}

class ErrorEvent {
  type = "error" as const;
  declare code?: string;
  constructor(
    public meta: Meta,
    public step: StepInfo,
    public error: string,
    code: string | undefined,
  ) {
    if (code != null) this.code = code;
  }
  get error_string(): string {
    return this.error;
  }
}

for (const type of [Usage, Meta, StepInfo, ToolCallEvent, ToolResultEvent, ErrorEvent]) {
  hide(type.prototype, "constructor", Object);
}

export type Event = StreamEvent<unknown>;
export type PartialEvent = Extract<Event, { type: "partial" }>;

/** Turns the events of one stream into what scripts see, reusing what does not change from one to the next. */
export class EventReader {
  /** The text streamed so far: a rope, so that extending it costs the same however long it is. */
  text = "";
  #wireMeta: WireMeta | undefined;
  #meta!: Meta;
  #step: StepInfo | undefined;

  /** The next partial event, which differs from the last one in nothing but its delta. */
  next(delta: string): PartialEvent {
    this.text += delta;
    return { type: "partial", meta: this.#meta, step: this.#step!, delta, completion: this.text };
  }

  read(wire: WireEvent): Event {
    const meta = this.#readMeta(wire.meta);
    if (wire.type === "partial") {
      this.text += wire.delta;
      const step = (this.#step ??= new StepInfo(wire.step));
      return { type: "partial", meta, step, delta: wire.delta, completion: this.text };
    }
    const step = (this.#step = new StepInfo(wire.step));
    switch (wire.type) {
      case "start":
        return { type: "start", meta, step };
      case "tool-call":
        return new ToolCallEvent(meta, step, readToolCall(wire.tool_call));
      case "tool-result": {
        const { id, result, is_error } = wire.tool_result;
        return new ToolResultEvent(meta, step, { id, result, isError: is_error === true });
      }
      case "final": {
        const result = wire.result === undefined ? wire.text : wire.result;
        return { type: "final", meta, step, text: wire.text, result };
      }
      case "error":
        return new ErrorEvent(meta, step, wire.error_string, wire.code);
      case "interrupt":
        return { type: "interrupt", meta, step, text: wire.text };
      default:
        throw new Error(`geppetto: the host sent an event of unknown type '${(wire as WireEvent).type}'`);
    }
  }

  #readMeta(wire: WireMeta): Meta {
    if (this.#wireMeta === undefined || !sameMeta(this.#wireMeta, wire)) {
      this.#wireMeta = wire;
      this.#meta = new Meta(wire);
    }
    return this.#meta;
  }
}

function readToolCall(wire: { id: string; name: string; input: string }): ToolCallEvent["toolCall"] {
  let input: JsonValue | undefined;
  try {
    input = jsonParse(wire.input) as JsonValue;
  } catch {
    // What the model wrote is not JSON: the step answers it with an error, the script can read `rawInput`.
  }
  return { id: wire.id, name: wire.name, input, rawInput: wire.input };
}

function sameMeta(a: WireMeta, b: WireMeta): boolean {
  return (
    a.message_id === b.message_id &&
    a.parent_id === b.parent_id &&
    a.engine === b.engine &&
    a.temperature === b.temperature &&
    a.top_p === b.top_p &&
    a.max_tokens === b.max_tokens &&
    a.stop_reason === b.stop_reason &&
    sameUsage(a.usage, b.usage)
  );
}

function sameUsage(a: WireUsage | undefined, b: WireUsage | undefined): boolean {
  if (a == null || b == null) return a == b;
  return a.input_tokens === b.input_tokens && a.output_tokens === b.output_tokens && a.cost === b.cost;
}
