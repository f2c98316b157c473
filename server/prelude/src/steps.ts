/** Steps: every way to run one, and the factory of chat steps. */
import { argumentError, callerFrames, hide, hostError } from "./errors";
import type { WireEvent } from "./events";
import { EventReader } from "./events";
import { newID } from "./ids";
import { encodeInput, encodeJson } from "./input";
import { callSync, post } from "./port";
import { isArray, objectKeys, quote, table } from "./primordials";
import { deferred, track } from "./promises";
import {
  checkBufferSize,
  interruptError,
  openStream,
  setEveryEvent,
  stepError,
  whenDone,
  type EventType,
  type Handler,
  type StreamHandle,
} from "./stream";
import { toolName } from "./tools";

/** A step the host offers; `ref` names it on the port. */
export interface StepInfo {
  readonly global: string;
  readonly ref: string;
  readonly kind: "object" | "factory";
  readonly inputType: string;
  readonly outputType: string;
}

type Options = Readonly<Record<string, unknown>>;

/** The handlers a script may give in the options, and the events they are for. */
const HANDLERS: Record<string, EventType | undefined> = Object.assign(table<EventType>(), {
  onStart: "start",
  onPartial: "partial",
  onToolCall: "tool-call",
  onToolResult: "tool-result",
  onFinal: "final",
  onError: "error",
  onInterrupt: "interrupt",
  onCancel: "interrupt",
});

let lastStreamNo = 0;

export class Step {
  readonly #ref: string;
  readonly #defaults: Options;

  constructor(info: StepInfo, defaults: Options) {
    this.#ref = info.ref;
    this.#defaults = defaults;
  }

  runWithEvents(input: unknown, handler: Handler, options?: Options): string {
    if (typeof handler !== "function") throw argumentError("handler", "a function", handler);
    const stream = this.#start(input, options);
    setEveryEvent(stream, handler);
    return stream.stepID;
  }

  startStream(input: unknown, options?: Options): StreamHandle {
    return this.#start(input, options);
  }

  startStreamAsync(input: unknown, options?: Options): StreamHandle {
    return this.#start(input, options);
  }

  startAsync(input: unknown, options?: Options): Promise<unknown[]> {
    const stream = this.#start(input, options);
    const frames = callerFrames();
    const { promise, resolve, reject } = deferred<unknown[]>();
    whenDone(stream, (terminal) => {
      if (terminal.type === "final") resolve([terminal.result]);
      else if (terminal.type === "error") reject(stepError(terminal, stream.stepID, frames));
      else reject(interruptError(stream.stepID, frames));
    });
    return track(promise);
  }

  startBlocking(input: unknown, options?: Options): unknown[] {
    const { encoded, signal } = readOptions(this.#defaults, options);
    const stepID = newID();
    const frames = callerFrames();
    if (signal?.aborted === true) throw interruptError(stepID, frames);
    const args = `[${quote(this.#ref)},${encodeInput(input)},${encoded},${quote(stepID)}]`;
    const { events } = callSync("run-step", args) as { events: WireEvent[] };
    const last = events[events.length - 1];
    if (last === undefined) throw hostError({ message: "the step produced no events" }, frames);
    const terminal = new EventReader().read(last);
    if (terminal.type === "final") return [terminal.result];
    if (terminal.type === "error") throw stepError(terminal, stepID, frames);
    throw interruptError(stepID, frames);
  }

  startWithCallbacks(input: unknown, callbacks: Options, options?: Options): () => void {
    if (typeof callbacks !== "object" || callbacks === null) {
      throw argumentError("callbacks", "an object of functions", callbacks);
    }
    const { onResult, onError, onDone, onCancel } = callbacks;
    for (const [name, callback] of Object.entries({ onResult, onError, onDone, onCancel })) {
      if (callback !== undefined && typeof callback !== "function") throw argumentError(name, "a function", callback);
    }
    const stream = this.#start(input, options);
    const frames = callerFrames();
    if (onResult !== undefined) {
      stream.on("final", (event: { result: unknown }) => (onResult as (value: unknown) => void)(event.result));
    }
    if (onError !== undefined) {
      stream.on("error", (event: Extract<StreamEvent, { type: "error" }>) =>
        (onError as (error: Error) => void)(stepError(event, stream.stepID, frames)),
      );
    }
    if (onCancel !== undefined) stream.on("interrupt", () => (onCancel as () => void)());
    if (onDone !== undefined) {
      const finish = (): void => (onDone as () => void)();
      stream.on("final", finish).on("error", finish).on("interrupt", finish);
    }
    return () => void stream.cancel();
  }

  #start(input: unknown, options: Options | undefined): StreamHandle {
    const { encoded, handlers, signal, bufferSize } = readOptions(this.#defaults, options);
    const json = encodeInput(input);
    const streamNo = ++lastStreamNo;
    const stepID = newID();
    const frames = callerFrames();
    const place = quote(frames);
    // A stream whose signal is aborted already is cancelled by its start: a message of its own might come too late.
    const start = signal?.aborted === true ? `${place},true` : place;
    post("start", `${streamNo}`, quote(stepID), quote(this.#ref), json, encoded, start);
    const stream = openStream({ streamNo, stepID, frames, bufferSize, signal });
    for (let i = 0; i < handlers.length; i++) stream.on(handlers[i]!.type, handlers[i]!.handler);
    return stream;
  }
}

interface ReadOptions {
  /** What the host is told, as the JSON text of an object. */
  readonly encoded: string;
  readonly handlers: readonly { type: EventType; handler: Handler }[];
  readonly signal: AbortSignal | undefined;
  readonly bufferSize: number;
}

/** Sorts options into handlers, what the stream needs and what goes to the host; a wrong one starts nothing. */
function readOptions(defaults: Options, options: Options | undefined): ReadOptions {
  if (options !== undefined && (typeof options !== "object" || options === null)) {
    throw argumentError("options", "an object", options);
  }
  const all: Options = { ...defaults, ...options };
  const handlers: { type: EventType; handler: Handler }[] = [];
  let signal: AbortSignal | undefined;
  let bufferSize: number | undefined;
  let encoded = "";
  const names = objectKeys(all);
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    const value = all[name];
    if (value === undefined) continue;
    const type = HANDLERS[name];
    if (type !== undefined) {
      if (typeof value !== "function") throw argumentError(name, "a function", value);
      handlers[handlers.length] = { type, handler: value as Handler };
    } else if (name === "signal") {
      signal = checkSignal(value);
    } else if (name === "bufferSize") {
      bufferSize = checkBufferSize(value);
    } else if (typeof value === "function") {
      throw new TypeError(`option '${name}' is a function, but there is no such handler`);
    } else {
      const json = name === "tools" ? encodeTools(value) : encodeJson(`options.${name}`, value);
      encoded += `${encoded === "" ? "" : ","}${quote(name)}:${json}`;
    }
  }
  return { encoded: `{${encoded}}`, handlers, signal, bufferSize: checkBufferSize(bufferSize) };
}

function encodeTools(tools: unknown): string {
  if (!isArray(tools)) throw argumentError("options.tools", "an array of tools or their names", tools);
  let names = "";
  for (let i = 0; i < tools.length; i++) names += `${i === 0 ? "" : ","}${quote(toolName(tools[i]))}`;
  return `[${names}]`;
}

function checkSignal(value: unknown): AbortSignal {
  const signal = value as Partial<AbortSignal> | null;
  if (
    typeof signal !== "object" ||
    signal === null ||
    typeof signal.aborted !== "boolean" ||
    typeof signal.addEventListener !== "function"
  ) {
    throw argumentError("signal", "an AbortSignal", value);
  }
  return signal as AbortSignal;
}

/** The global of a step the host offers: the step itself, or the class of its factory. */
export function stepGlobal(info: StepInfo): unknown {
  if (info.kind === "object") return new Step(info, {});
  const factory = class {
    readonly #defaults: Options;
    constructor(options: Options = {}) {
      readOptions({}, options);
      this.#defaults = { ...options };
    }
    newStep(options: Options = {}): Step {
      const defaults = { ...this.#defaults, ...options };
      readOptions({}, defaults);
      return new Step(info, defaults);
    }
  };
  hide(factory, "name", info.global);
  return factory;
}

