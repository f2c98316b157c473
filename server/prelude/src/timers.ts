/** Timers. The host keeps the time: it gives every due callback a turn of its own. */
import { argumentError, encodeError } from "./errors";
import { post } from "./port";
import { forgetAll, reflectApply, table } from "./primordials";

interface Timer {
  readonly callback: (...args: unknown[]) => unknown;
  readonly args: readonly unknown[];
  readonly delay: number;
  readonly repeats: boolean;
}

/** The longest delay, in ms: what fits in 31 bits, as in Node. Longer ones count as 1. */
const MAX_DELAY = 2 ** 31 - 1;

const timers = table<Timer>();
let lastId = 0;

function add(callback: unknown, delay: number, repeats: boolean, args: readonly unknown[]): number {
  if (typeof callback !== "function") throw argumentError("callback", "a function", callback);
  const id = ++lastId;
  timers[id] = { callback: callback as Timer["callback"], args, delay, repeats };
  post("timer", `${id}`, `${delay}`);
  return id;
}

function toDelay(delay: unknown): number {
  const ms = Number(delay);
  return ms >= 1 && ms <= MAX_DELAY ? ms : 1;
}

export function setTimeout(callback: unknown, delay?: unknown, ...args: unknown[]): number {
  return add(callback, toDelay(delay), false, args);
}

export function setInterval(callback: unknown, delay?: unknown, ...args: unknown[]): number {
  return add(callback, toDelay(delay), true, args);
}

export function setImmediate(callback: unknown, ...args: unknown[]): number {
  return add(callback, 0, false, args);
}

export function clearTimer(id?: unknown): void {
  if (typeof id !== "number" || timers[id] === undefined) return;
  delete timers[id];
  post("untimer", `${id}`);
}

/** A timer that does not keep the run alive: for `AbortSignal.timeout`, as in Node. */
export function backgroundTimeout(callback: () => void, delay: number): void {
  const id = ++lastId;
  timers[id] = { callback, args: [], delay, repeats: false };
  post("timer", `${id}`, `${delay}`, "false");
}

export function forgetTimers(): void {
  forgetAll(timers);
}

/** Runs the callback of a timer that is due. A timer cleared in the meantime is ignored. */
export function fireTimer(id: number): void {
  const timer = timers[id];
  if (timer === undefined) return;
  if (!timer.repeats) delete timers[id];
  try {
    reflectApply(timer.callback, undefined, timer.args);
  } catch (error) {
    post("uncaught", encodeError(error), '"timer"');
  }
  if (timer.repeats && timers[id] === timer) post("timer", `${id}`, `${timer.delay}`);
}
