/**
 * The built-ins the prelude itself relies on, captured before any user code can patch them.
 *
 * Internal code also avoids iteration protocols (spread, for-of, array destructuring) and prototype methods on
 * arrays, since those are looked up at run time on objects a script may have changed.
 */

const { bind, call } = Function.prototype;

/** `uncurryThis(f)(self, ...args)` is `f.call(self, ...args)`, whatever `Function.prototype.call` is by then. */
export const uncurryThis = bind.bind(call) as <This, Args extends readonly unknown[], Result>(
  method: (this: This, ...args: Args) => Result,
) => (self: This, ...args: Args) => Result;

export const NativePromise = Promise;
export const nativeThen = uncurryThis(Promise.prototype.then) as <T, A = T, B = never>(
  promise: Promise<T>,
  onFulfilled?: ((value: T) => A | PromiseLike<A>) | undefined,
  onRejected?: ((reason: unknown) => B | PromiseLike<B>) | undefined,
) => Promise<A | B>;

export const nativeResolve = uncurryThis(Promise.resolve) as <T>(constructor: PromiseConstructor, value: T) => Promise<T>;

export const { parse: jsonParse, stringify: jsonStringify } = JSON;
export const {
  create: objectCreate,
  defineProperty,
  freeze,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  keys: objectKeys,
} = Object;
export const { apply: reflectApply, construct: reflectConstruct, ownKeys } = Reflect;
export const { isArray } = Array;
export const { isFinite: isFiniteNumber, isInteger } = Number;
export const { floor, random, trunc } = Math;
export const { load: atomicLoad, store: atomicStore, wait: atomicWait } = Atomics;
export const { fromCharCode } = String;
export const dateNow = Date.now;

export const stringIncludes = uncurryThis(String.prototype.includes);
export const stringIndexOf = uncurryThis(String.prototype.indexOf);
export const stringSlice = uncurryThis(String.prototype.slice);
export const stringTrim = uncurryThis(String.prototype.trim);
export const stringRepeat = uncurryThis(String.prototype.repeat);
export const stringReplaceAll = uncurryThis(
  String.prototype.replaceAll as (pattern: string, replacement: string) => string,
);
export const charCodeAt = uncurryThis(String.prototype.charCodeAt);
export const numberToString = uncurryThis(Number.prototype.toString);
export const functionToString = uncurryThis(Function.prototype.toString);
export const dateToISOString = uncurryThis(Date.prototype.toISOString);
export const hasOwn = Object.hasOwn;

/** A lookup table that neither sees nor fears `Object.prototype`. */
export function table<Value>(): Record<PropertyKey, Value | undefined> {
  return objectCreate(null) as Record<PropertyKey, Value | undefined>;
}

/** Empties a table. */
export function forgetAll(entries: Record<PropertyKey, unknown>): void {
  const keys = objectKeys(entries);
  for (let i = 0; i < keys.length; i++) delete entries[keys[i]!];
}

/** Appends without `Array.prototype.push`, which a script may have replaced. */
export function append<Item>(items: Item[], item: Item): void {
  items[items.length] = item;
}

/** JSON of a string: safe from a patched `toJSON`, which primitives never consult. */
export function quote(text: string): string {
  return jsonStringify(text);
}
