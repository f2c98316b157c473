/**
 * Async functions as scripts know them.
 *
 * The host wraps each in a plain function (see rewrite.py), and scripts can tell: by its source, its constructor, its
 * tag. Here these are what they are in the script as it was written.
 */
import { hide } from "./errors";
import {
  defineProperty,
  functionToString,
  getPrototypeOf,
  reflectApply,
  reflectConstruct,
  stringIncludes,
  uncurryThis,
} from "./primordials";
import { isObserving, track } from "./promises";

const NativeFunction = Function;
const functionPrototype = Function.prototype;
const asyncPrototype = getPrototypeOf(async () => undefined) as object;
const NativeAsyncFunction = asyncPrototype.constructor as FunctionConstructor;

const { setPrototypeOf } = Object;

const WRAP = "__geppettoAsync";
/** What the host puts in, and the keyword it takes out; its vertical tabs are in no script. */
const INSERTED =
  /\((?:__geppetto\d+(?:, )?)*(?:\.\.\.__geppettoArgs\) => |\) \{ (?:"use strict"; )?return )__geppettoAsync\((?:async\v)?| =>\v|, "\w+@\d+", (?:__geppettoArgs(?:, __geppetto\d+)*\)|arguments\) \})/g;
const KEYWORD = /[\v;]\v{4}/g;
/** The beginning of a wrapped function, and what tells an arrow function. */
const WRAPPED =
  /^(?:[^({]*\((?:__geppetto\d+(?:, )?)*\) \{ (?:"use strict"; )?return __geppettoAsync\(async\v|(\((?:__geppetto\d+, )*\.\.\.__geppettoArgs\) => __geppettoAsync\())/;

const replace: (pattern: RegExp, text: string, by: string) => string = uncurryThis(
  RegExp.prototype[Symbol.replace] as (this: RegExp, text: string, by: string) => string,
);
const exec = uncurryThis(RegExp.prototype.exec);

/** The source of a function as its author wrote it. */
function sourceOf(source: string): string {
  if (!stringIncludes(source, WRAP)) return source;
  const wrapped = exec(WRAPPED, source);
  const written = replace(KEYWORD, replace(INSERTED, source, ""), "async");
  return wrapped !== null && wrapped[1] === undefined ? `async ${written}` : written;
}

function isWrapped(value: unknown): boolean {
  if (typeof value !== "function") return false;
  const source = functionToString(value);
  return stringIncludes(source, WRAP) && exec(WRAPPED, source) !== null;
}

/** Makes a function of text, as the original does; the promises it returns are tracked. */
function AsyncFunction(...parts: unknown[]): unknown {
  const made = reflectConstruct(NativeAsyncFunction, parts) as () => Promise<unknown>;
  const tracked = function (this: unknown, ...args: unknown[]): Promise<unknown> {
    return track(reflectApply(made, this, args as never));
  };
  defineProperty(tracked, "name", { value: made.name, configurable: true });
  return setPrototypeOf(tracked, asyncPrototype);
}

export function installAsyncFunctions(): void {
  hide(functionPrototype, "toString", {
    toString(this: unknown): string {
      const source = functionToString(this as () => void);
      // Inspection goes by this; it would find an async function whose constructor it cannot see.
      return isObserving() ? source : sourceOf(source);
    },
  }.toString);
  defineProperty(AsyncFunction, "prototype", { value: asyncPrototype, writable: false });
  defineProperty(AsyncFunction, Symbol.hasInstance, {
    value: (value: unknown) => isWrapped(value) || value instanceof NativeAsyncFunction,
  });
  defineProperty(asyncPrototype, "constructor", { value: AsyncFunction, configurable: true });
  defineProperty(functionPrototype, "constructor", {
    configurable: true,
    get(this: unknown) {
      return isWrapped(this) ? AsyncFunction : NativeFunction;
    },
    set(this: object, value: unknown) {
      defineProperty(this, "constructor", { value, writable: true, configurable: true, enumerable: true });
    },
  });
  defineProperty(functionPrototype, Symbol.toStringTag, {
    configurable: true,
    get(this: unknown) {
      return !isObserving() && isWrapped(this) ? "AsyncFunction" : undefined;
    },
  });
}
