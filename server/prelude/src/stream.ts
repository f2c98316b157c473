/**
 * A running step as scripts see it: an async iterable, an emitter and a handle, all over one sequence of events.
 *
 * The host delivers events in turns of their own, so whatever a script attaches in the turn that started the stream
 * misses nothing. Every iterator gets every event: one that is created late starts with the history, in which
 * neighbouring partials are merged into one.
 */
import { argumentError, encodeError, hide, placeAt } from "./errors";
import { EventReader, type Event, type PartialEvent, type WireEvent } from "./events";
import { post } from "./port";
import { append, forgetAll, isInteger, NativePromise, nativeResolve, objectKeys, quote, stringSlice, table } from "./primordials";
import { deferred, track } from "./promises";
import { StreamIterator } from "./stream-iterator";

export type EventType = Event["type"];
type Terminal = Extract<Event, { type: "final" | "error" | "interrupt" }>;
export type Handler = (event: never) => unknown;

const NativeError = Error;

/** Events an iterator holds for a slow reader before neighbouring partials are merged. */
export const DEFAULT_BUFFER_SIZE = 1024;

export interface StreamSetup {
  readonly streamNo: number;
  readonly stepID: string;
  /** The frames of the user's code that started the step. */
  readonly frames: string;
  readonly bufferSize: number;
  readonly signal: AbortSignal | undefined;
}

interface Listener {
  readonly handler: Handler;
  readonly once: boolean;
}

/** A stretch of the past: an event as it was, or the partials between two offsets of the streamed text. */
type Past = Event | { type: "partials"; first: PartialEvent; start: number; end: number };

const EVENT_TYPES: Record<string, true | undefined> = Object.assign(table<true>(), {
  start: true,
  partial: true,
  "tool-call": true,
  "tool-result": true,
  final: true,
  error: true,
  interrupt: true,
});

/** The step failed: what `finalText()`, `done()` and the deprecated ways to run a step reject with. */
export function stepError(event: Extract<Event, { type: "error" }>, stepID: string, frames: string): Error {
  const error = new NativeError(event.error) as Error & { stepID: string; code?: string };
  hide(error, "name", "StepError");
  error.stepID = stepID;
  if (event.code !== undefined) error.code = event.code;
  return placeAt(error, frames);
}

/** The step was cancelled: what the deprecated `startAsync` and `startBlocking` fail with. */
export function interruptError(stepID: string, frames: string): Error {
  const error = new NativeError("the step was cancelled") as Error & { stepID: string; code: string };
  hide(error, "name", "AbortError");
  error.stepID = stepID;
  error.code = "ABORT_ERR";
  return placeAt(error, frames);
}

// Ways into a stream for this module and its neighbours that scripts cannot take.
let deliverTo: (stream: StreamHandle, wire: WireEvent) => void;
let deliverDelta: (stream: StreamHandle, delta: string) => void;
let stopWaiting: (stream: StreamHandle) => void;
let unobservedError: (
  stream: StreamHandle,
) => { streamNo: number; text: string; frames: string } | undefined;
/** Sends every event of a stream to one handler: what `runWithEvents` is. */
export let setEveryEvent: (stream: StreamHandle, handler: Handler) => void;
/** Hands the terminal event to a waiter, which thereby takes care of the stream's error. */
export let whenDone: (stream: StreamHandle, waiter: (terminal: Terminal) => void) => void;
/** What a stream has said until now, neighbouring partials merged into one. */
export let pastEvents: (stream: StreamHandle) => Event[];
export let isStream: (value: unknown) => value is StreamHandle;

export class StreamHandle implements Stream<unknown> {
  readonly #setup: StreamSetup;
  readonly #reader = new EventReader();
  /** Copied when changed, so that delivery needs no snapshot. */
  readonly #listeners = table<readonly Listener[]>();
  #everyEvent: Handler | undefined;
  #iterators: readonly StreamIterator[] = [];
  #waiters: ((terminal: Terminal) => void)[] = [];
  #history: Past[] = [];
  #terminal: Terminal | undefined;
  #started = false;
  #cancelled: Promise<void> | undefined;
  #observed = false;
  #forgetSignal: (() => void) | undefined;

  constructor(setup: StreamSetup) {
    this.#setup = setup;
    const { signal } = setup;
    if (signal !== undefined) {
      if (signal.aborted) {
        void this.cancel();
      } else {
        const onAbort = (): void => void this.cancel();
        signal.addEventListener("abort", onAbort, { once: true });
        this.#forgetSignal = () => signal.removeEventListener("abort", onAbort);
      }
    }
  }

  get stepID(): string {
    return this.#setup.stepID;
  }

  get text(): string {
    const terminal = this.#terminal;
    return terminal === undefined || terminal.type === "error" ? this.#reader.text : terminal.text;
  }

  get state(): StreamState {
    return this.#terminal?.type ?? (this.#started ? "running" : "pending");
  }

  on(type: EventType, handler: Handler): this {
    return this.#add(type, handler, false);
  }

  once(type: EventType, handler: Handler): this {
    return this.#add(type, handler, true);
  }

  off(type: EventType, handler: Handler): this {
    this.#check(type, handler);
    const listeners = this.#listeners[type];
    if (listeners === undefined) return this;
    let index = listeners.length - 1;
    while (index >= 0 && listeners[index]!.handler !== handler) index--;
    if (index >= 0) this.#listeners[type] = without(listeners, listeners[index]!);
    return this;
  }

  cancel(): Promise<void> {
    if (this.#cancelled === undefined) {
      if (this.#terminal !== undefined) {
        this.#cancelled = track(nativeResolve(NativePromise, undefined));
      } else {
        const { promise, resolve } = deferred<void>();
        append(this.#waiters, () => resolve());
        this.#cancelled = track(promise);
        post("cancel", `${this.#setup.streamNo}`);
      }
    }
    return this.#cancelled;
  }

  done(): Promise<Extract<Terminal, { type: "final" | "interrupt" }>> {
    const { promise, resolve, reject } = deferred<Extract<Terminal, { type: "final" | "interrupt" }>>();
    this.#whenDone((terminal) => {
      if (terminal.type === "error") reject(stepError(terminal, this.stepID, this.#setup.frames));
      else resolve(terminal);
    });
    return track(promise);
  }

  finalText(): Promise<string> {
    const { promise, resolve, reject } = deferred<string>();
    this.#whenDone((terminal) => {
      if (terminal.type === "error") reject(stepError(terminal, this.stepID, this.#setup.frames));
      else resolve(terminal.text);
    });
    return track(promise);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Event, undefined, undefined> {
    const iterator = new StreamIterator(this.#setup.bufferSize, (left) => this.#leave(left));
    for (let i = 0; i < this.#history.length; i++) iterator.deliver(this.#recall(this.#history[i]!));
    if (this.#terminal === undefined) {
      this.#iterators = withItem(this.#iterators, iterator);
    } else {
      this.#observed = true;
      iterator.end();
    }
    return iterator;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#terminal === undefined) await this.cancel();
  }

  #add(type: EventType, handler: Handler, once: boolean): this {
    this.#check(type, handler);
    this.#listeners[type] = withItem(this.#listeners[type] ?? [], { handler, once });
    return this;
  }

  #check(type: unknown, handler: unknown): void {
    if (typeof type !== "string" || EVENT_TYPES[type] === undefined) {
      throw argumentError("event", `one of ${objectKeys(EVENT_TYPES).join(", ")}`, type);
    }
    if (typeof handler !== "function") throw argumentError("handler", "a function", handler);
  }

  /** `waiter` sees the terminal event, now or when it comes; the stream's error is then its to handle. */
  #whenDone(waiter: (terminal: Terminal) => void): void {
    this.#observed = true;
    if (this.#terminal !== undefined) waiter(this.#terminal);
    else append(this.#waiters, waiter);
  }

  #leave(iterator: StreamIterator): void {
    this.#iterators = without(this.#iterators, iterator);
    if (this.#terminal === undefined && !this.#hasConsumer()) void this.cancel();
  }

  #hasConsumer(): boolean {
    if (this.#iterators.length > 0 || this.#everyEvent !== undefined || this.#waiters.length > 0) return true;
    const types = objectKeys(this.#listeners);
    for (let i = 0; i < types.length; i++) if (this.#listeners[types[i]!]!.length > 0) return true;
    return false;
  }

  #recall(past: Past): Event {
    if (past.type !== "partials") return past;
    const { first, start, end } = past;
    const completion = stringSlice(this.#reader.text, 0, end);
    const { meta, step } = first;
    return { type: "partial", meta, step, delta: stringSlice(completion, start), completion };
  }

  #remember(event: Event): void {
    if (event.type !== "partial") return append(this.#history, event);
    const end = this.#reader.text.length;
    const last = this.#history[this.#history.length - 1];
    if (last?.type === "partials") last.end = end;
    else append(this.#history, { type: "partials", first: event, start: end - event.delta.length, end });
  }

  #receive(wire: WireEvent): void {
    if (this.#terminal !== undefined) {
      throw new Error(`geppetto: the host sent '${wire.type}' after the end of stream ${this.#setup.streamNo}`);
    }
    this.#deliver(this.#reader.read(wire));
  }

  #deliver(event: Event): void {
    this.#started = true;
    const { type } = event;
    const ends = type === "final" || type === "error" || type === "interrupt";
    if (ends) this.#end(event);
    this.#remember(event);
    const iterators = this.#iterators;
    if (type === "error") {
      this.#observed ||=
        iterators.length > 0 || this.#everyEvent !== undefined || (this.#listeners[type]?.length ?? 0) > 0;
      if (!this.#observed && this.#cancelled === undefined) append(failed, this);
    }
    for (let i = 0; i < iterators.length; i++) {
      iterators[i]!.deliver(event);
      if (ends) iterators[i]!.end();
    }
    const listeners = this.#listeners[type];
    if (listeners !== undefined) {
      for (let i = 0; i < listeners.length; i++) {
        const listener = listeners[i]!;
        if (listener.once) this.#listeners[type] = without(this.#listeners[type]!, listener);
        callHandler(listener.handler, event, this.#setup.frames);
      }
    }
    if (this.#everyEvent !== undefined) callHandler(this.#everyEvent, event, this.#setup.frames);
    if (ends) {
      const waiters = this.#waiters;
      this.#waiters = [];
      for (let i = 0; i < waiters.length; i++) waiters[i]!(event);
    }
  }

  #end(terminal: Terminal): void {
    this.#terminal = terminal;
    delete streams[this.#setup.streamNo];
    this.#forgetSignal?.();
    this.#forgetSignal = undefined;
  }

  static {
    deliverTo = (stream, wire) => stream.#receive(wire);
    deliverDelta = (stream, delta) => stream.#deliver(stream.#reader.next(delta));
    setEveryEvent = (stream, handler) => {
      stream.#everyEvent = handler;
    };
    unobservedError = (stream) => {
      const terminal = stream.#terminal;
      return terminal?.type === "error" && !stream.#observed
        ? { streamNo: stream.#setup.streamNo, text: terminal.error, frames: stream.#setup.frames }
        : undefined;
    };
    stopWaiting = (stream) => void stream.cancel();
    whenDone = (stream, waiter) => stream.#whenDone(waiter);
    pastEvents = (stream) => {
      const events: Event[] = [];
      for (let i = 0; i < stream.#history.length; i++) append(events, stream.#recall(stream.#history[i]!));
      return events;
    };
    isStream = (value): value is StreamHandle => typeof value === "object" && value !== null && #setup in value;
  }
}

const streams = table<StreamHandle>();
let failed: StreamHandle[] = [];
/** The last stream that was opened, and the last that was forgotten: of those before it nothing is wanted any more. */
let latest = 0;
let forgotten = 0;
/** Whether the script is over and wants to hear no more, though a batch of events may be half delivered. */
let silent = false;

export function silence(on: boolean): void {
  silent = on;
}

export function openStream(setup: StreamSetup): StreamHandle {
  const stream = new StreamHandle(setup);
  streams[setup.streamNo] = stream;
  latest = setup.streamNo;
  return stream;
}

export function forgetStreams(): void {
  forgetAll(streams);
  failed = [];
  forgotten = latest;
}

export function receiveEvent(streamNo: number, wire: WireEvent): void {
  if (silent || streamNo <= forgotten) return;
  const stream = streams[streamNo];
  if (stream === undefined) {
    throw new Error(`geppetto: the host sent '${wire.type}' for stream ${streamNo}, which is not running`);
  }
  deliverTo(stream, wire);
}

/** Partial events that carry what their stream's last event did, but for the delta; those begin at index 2. */
export function receiveDeltas(streamNo: number, message: readonly string[]): void {
  if (silent || streamNo <= forgotten) return;
  const stream = streams[streamNo];
  if (stream === undefined) {
    throw new Error(`geppetto: the host sent deltas for stream ${streamNo}, which is not running`);
  }
  for (let i = 2; i < message.length && !silent; i++) deliverDelta(stream, message[i]!);
}

/** Ctrl-C: every running stream is cancelled. */
export function cancelAllStreams(): void {
  const numbers = objectKeys(streams);
  for (let i = 0; i < numbers.length; i++) stopWaiting(streams[numbers[i]!]!);
}

/** Posts the errors of streams that nobody looked at; called at the end of a turn. */
export function reportUnobservedErrors(): void {
  if (failed.length === 0) return;
  const streams = failed;
  failed = [];
  for (let i = 0; i < streams.length; i++) {
    const error = unobservedError(streams[i]!);
    if (error !== undefined) {
      post("stream-error-unobserved", `${error.streamNo}`, quote(error.text), quote(error.frames));
    }
  }
}

/** @param frames where the stream was started: the only place there is when what is thrown is not an Error. */
function callHandler(handler: Handler, event: Event, frames: string): void {
  try {
    handler(event as never);
  } catch (error) {
    post("uncaught", encodeError(error, { stack: frames }), quote(`handler of '${event.type}'`));
  }
}

function withItem<Item>(items: readonly Item[], item: Item): readonly Item[] {
  const copy: Item[] = [];
  for (let i = 0; i < items.length; i++) copy[i] = items[i]!;
  copy[items.length] = item;
  return copy;
}

function without<Item>(items: readonly Item[], item: Item): readonly Item[] {
  const copy: Item[] = [];
  for (let i = 0; i < items.length; i++) if (items[i] !== item) append(copy, items[i]!);
  return copy;
}

export function checkBufferSize(size: unknown): number {
  if (size === undefined) return DEFAULT_BUFFER_SIZE;
  if (isInteger(size) && (size as number) >= 1) return size as number;
  throw argumentError("bufferSize", "a whole number of events, 1 or more", size);
}
