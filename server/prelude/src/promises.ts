/**
 * Promises that know whether anybody looks after them.
 *
 * V8 keeps its rejection hook to itself, so the prelude observes promises: a tracked promise remembers whether
 * something subscribed to it, and what it was rejected with. What is rejected and has no subscriber when a turn's
 * microtasks have run is unhandled: the moment, and the answer, are Node's.
 *
 * - `Promise` becomes a constructor that makes native promises and tracks them; statics and user subclasses go
 *   through it.
 * - `Promise.prototype.then` notes the subscription and tracks the promise it returns. `catch`, `finally`, the
 *   combinators and resolving one promise with another all call `then`.
 * - `await p` calls no `then` on a native promise, but it reads `p.constructor`: an accessor there sees the
 *   subscription, and `await` keeps its speed and its order.
 * - Promises that built-in code makes (async functions, async generators, `Array.fromAsync`) are tracked where they
 *   are handed out; the host rewrites async functions to pass through `geppettoAsync`.
 */
import { callerFrames, encodeError, hide, isError } from "./errors";
import { post } from "./port";
import {
  append,
  defineProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  hasOwn,
  nativeResolve,
  nativeThen,
  NativePromise,
  ownKeys,
  reflectApply,
  reflectConstruct,
  uncurryThis,
} from "./primordials";

interface Tracked {
  handled: boolean;
  reason: unknown;
  /** Frames of the place that rejected with something that is not an Error. */
  stack: string | undefined;
  place: string | undefined;
}

/** Puts a private field on an object that already exists: invisible to scripts, and quicker than a WeakMap. */
class Identity {
  constructor(target: object) {
    return target;
  }
}
class Tracker extends Identity {
  #tracked: Tracked;
  constructor(promise: object, tracked: Tracked) {
    super(promise);
    this.#tracked = tracked;
  }
  static of(value: object): Tracked | undefined {
    return #tracked in value ? value.#tracked : undefined;
  }
}

const promisePrototype = NativePromise.prototype;
const nativeReject = uncurryThis(NativePromise.reject) as (
  constructor: PromiseConstructor,
  reason: unknown,
) => Promise<never>;

/** True while the prelude itself subscribes, which must not count. */
let observing = false;
let rejected: Tracked[] = [];
/** The latest rejection with something that is not an Error: promises it travels through share its place. */
let recentReason: unknown;
let recentStack: string | undefined;

/** Watches a promise that is about to be handed to a script, and returns it. */
export function track<P extends Promise<unknown>>(promise: P, place?: string): P {
  if (Tracker.of(promise) !== undefined) return promise;
  const tracked: Tracked = { handled: false, reason: undefined, stack: undefined, place };
  new Tracker(promise, tracked);
  const outer = observing;
  observing = true;
  try {
    nativeThen(promise, undefined, (reason) => {
      if (tracked.handled) return;
      tracked.reason = reason;
      if (!isError(reason)) tracked.stack ??= reason === recentReason ? recentStack : undefined;
      append(rejected, tracked);
    });
  } finally {
    observing = outer;
  }
  return promise;
}

/**
 * Runs the body of an async function and tracks its promise.
 *
 * @param place names the function to the host, which made it up.
 * @param args what the function was called with, but for
 * @param leading its first arguments.
 */
export function geppettoAsync<T>(
  body: (...args: never[]) => Promise<T>,
  place?: string,
  args: ArrayLike<unknown> = [],
  ...leading: unknown[]
): Promise<T> {
  const count = leading.length;
  if (count === 0) return track(reflectApply(body, undefined, args as never), place);
  for (let i = 0; i < args.length; i++) leading[count + i] = args[i];
  return track(reflectApply(body, undefined, leading as never), place);
}

/** Runs a callback after the current one, as `queueMicrotask` does. It must not throw. */
export function soon(callback: () => void): void {
  nativeThen(nativeResolve(NativePromise, undefined), callback);
}

/** A promise for the prelude's own use together with its settlers. Untracked: `track` it before handing it out. */
export function deferred<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (reason: unknown) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new NativePromise<T>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  return { promise, resolve, reject };
}

/** Reads something of a script's value without its promises being taken for handled. */
export function unobtrusively<T>(look: () => T): T {
  const outer = observing;
  observing = true;
  try {
    return look();
  } finally {
    observing = outer;
  }
}

/** Whether the prelude is looking at a script's values for a purpose of its own. */
export function isObserving(): boolean {
  return observing;
}

/** Posts every rejection that nobody handled; called when the turn's microtasks have run. */
export function reportUnhandled(): void {
  recentReason = recentStack = undefined;
  const found = rejected;
  rejected = [];
  for (let i = 0; i < found.length; i++) {
    const tracked = found[i]!;
    if (!tracked.handled) post("unhandled", encodeError(tracked.reason, tracked));
  }
}

/** The frames of a rejection whose reason carries no stack, remembered for the promises it travels through. */
function placeOf(reason: unknown): string | undefined {
  if (isError(reason)) return undefined;
  recentReason = reason;
  recentStack = callerFrames();
  return recentStack;
}

type Executor = ConstructorParameters<typeof NativePromise>[0];

const TrackedPromise = function Promise(this: unknown, executor: Executor): Promise<unknown> {
  if (new.target === undefined) throw new TypeError("Promise constructor cannot be invoked without 'new'");
  if (typeof executor !== "function") return reflectConstruct(NativePromise, [executor], new.target);
  let stack: string | undefined;
  const noting: Executor = (resolve, reject) =>
    executor(resolve, (reason) => {
      stack = placeOf(reason);
      if (tracked !== undefined) tracked.stack ??= stack;
      reject(reason);
    });
  let tracked: Tracked | undefined;
  const promise = reflectConstruct(NativePromise, [noting], new.target) as Promise<unknown>;
  // While the prelude observes, a user subclass's `super()` comes here for a promise that is nobody's to handle.
  if (observing) return promise;
  tracked = Tracker.of(track(promise));
  if (tracked !== undefined && stack !== undefined) tracked.stack = stack;
  return promise;
} as unknown as PromiseConstructor;

/** Replaces `Promise` and instruments what hands out promises. Called once, before any user code. */
export function installPromises(): void {
  // The bundler may rename the function; scripts see the name in errors and logs.
  defineProperty(TrackedPromise, "name", { value: "Promise", configurable: true });
  for (const key of ownKeys(NativePromise)) {
    if (hasOwn(TrackedPromise, key) && key !== "prototype") continue;
    defineProperty(TrackedPromise, key, getOwnPropertyDescriptor(NativePromise, key)!);
  }
  hide(TrackedPromise, "resolve", function resolve(this: unknown, value: unknown) {
    if (this !== TrackedPromise) return nativeResolve(this as PromiseConstructor, value);
    const plain =
      typeof value === "object" && value !== null && getPrototypeOf(value) === promisePrototype;
    const promise = plain
      ? unobtrusively(() => nativeResolve(NativePromise, value))
      : nativeResolve(NativePromise, value);
    return promise === value ? promise : track(promise);
  });
  hide(TrackedPromise, "reject", function reject(this: unknown, reason: unknown) {
    if (this !== TrackedPromise) return nativeReject(this as PromiseConstructor, reason);
    const promise = track(nativeReject(NativePromise, reason));
    const tracked = Tracker.of(promise);
    if (tracked !== undefined) tracked.stack = placeOf(reason);
    return promise;
  });
  defineProperty(TrackedPromise, Symbol.species, {
    configurable: true,
    get(this: unknown) {
      return observing ? NativePromise : this;
    },
  });

  hide(promisePrototype, "then", function then(this: Promise<unknown>, onFulfilled, onRejected) {
    const tracked = Tracker.of(this);
    if (tracked !== undefined) tracked.handled = true;
    return track(nativeThen(this, onFulfilled ?? undefined, onRejected ?? undefined));
  } as Promise<unknown>["then"]);
  defineProperty(promisePrototype, "constructor", {
    configurable: true,
    enumerable: false,
    get(this: object) {
      if (!observing) {
        const tracked = Tracker.of(this);
        if (tracked !== undefined) tracked.handled = true;
      }
      return NativePromise;
    },
    set(this: object, value: unknown) {
      defineProperty(this, "constructor", { value, writable: true, configurable: true, enumerable: true });
    },
  });

  const asyncGenerator = getPrototypeOf(async function* () {}.prototype) as object;
  trackResult(asyncGenerator, "next");
  trackResult(asyncGenerator, "return");
  trackResult(asyncGenerator, "throw");
  trackResult(getPrototypeOf(asyncGenerator) as object, Symbol.asyncDispose);
  if (typeof AsyncDisposableStack === "function") {
    trackResult(AsyncDisposableStack.prototype, "disposeAsync");
    trackResult(AsyncDisposableStack.prototype, Symbol.asyncDispose);
  }
  trackResult(Array, "fromAsync");
  hide(globalThis, "Promise", TrackedPromise);
}

/** Wraps a built-in method that returns a native promise. */
function trackResult(holder: object, key: PropertyKey): void {
  const native = getOwnPropertyDescriptor(holder, key)?.value as unknown;
  if (typeof native !== "function") return;
  function wrapped(this: unknown, ...args: unknown[]): unknown {
    const promise = reflectApply(native as () => unknown, this, args);
    return promise instanceof NativePromise ? track(promise) : promise;
  }
  defineProperty(wrapped, "name", { value: native.name });
  hide(holder, key, wrapped);
}
