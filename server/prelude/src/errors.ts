/** Errors on their way to the host, and errors that came from it. */
import {
  defineProperty,
  isArray,
  jsonStringify,
  quote,
  stringIncludes,
  stringIndexOf,
  stringSlice,
} from "./primordials";

/** An error as the host describes it. */
export interface HostErrorInfo {
  readonly name?: string;
  readonly message: string;
  readonly code?: string;
  readonly hint?: string;
}

const NativeError = Error;
const v8 = Error as unknown as V8Stacks;
const { captureStackTrace } = v8;
const NativeTypeError = TypeError;
const NativeRangeError = RangeError;

/** What V8 adds to `Error`. */
interface V8Stacks {
  prepareStackTrace?: unknown;
  captureStackTrace(target: object): void;
}

/** How deep a chain of causes is reported. */
const MAX_CAUSES = 8;
/** The prelude's name in stack traces. */
const OWN_NAME = "geppetto:prelude";

/** Renders any value as text; the console replaces it once it is there, since inspection is loaded when needed. */
let inspectReason: (reason: unknown) => string = String;
export function setReasonInspector(inspect: (reason: unknown) => string): void {
  inspectReason = inspect;
}

/** A stack without the prelude's own frames, which mean nothing to the author of a script. */
export function withoutOwnFrames(stack: string): string {
  if (!stringIncludes(stack, OWN_NAME)) return stack;
  // By hand, since regular expressions run through patchable methods.
  let kept = "";
  for (let start = 0; start < stack.length; ) {
    const newline = stringIndexOf(stack, "\n", start + 1);
    const end = newline < 0 ? stack.length : newline;
    const line = stringSlice(stack, start, end);
    if (!stringIncludes(line, OWN_NAME)) kept += line;
    start = end;
  }
  return kept;
}

/** The frames (no heading) of the user code that is calling the prelude right now. */
export function callerFrames(): string {
  const holder: { stack?: unknown } = {};
  const prepare = v8.prepareStackTrace;
  let stack: unknown;
  try {
    if (prepare !== undefined) v8.prepareStackTrace = undefined;
    captureStackTrace(holder);
    ({ stack } = holder);
  } finally {
    if (prepare !== undefined) v8.prepareStackTrace = prepare;
  }
  return typeof stack === "string" ? framesOf(withoutOwnFrames(stack)) : "";
}

/** The `\n    at …` part of a stack. */
export function framesOf(stack: string): string {
  const start = stringIndexOf(stack, "\n    at ");
  return start < 0 ? "" : stringSlice(stack, start + 1);
}

/** Gives an error made inside the prelude the place of the user's call that caused it. */
export function placeAt<E extends Error>(error: E, frames: string): E {
  hide(error, "stack", `${error.name}: ${error.message}${frames === "" ? "" : `\n${frames}`}`);
  return error;
}

/** Rebuilds an error the host sent: its name, `code` and `hint` survive. */
export function hostError(info: HostErrorInfo, frames?: string): Error {
  const { name = "Error", message } = info;
  const error =
    name === "TypeError"
      ? new NativeTypeError(message)
      : name === "RangeError"
        ? new NativeRangeError(message)
        : new NativeError(message);
  if (error.name !== name) hide(error, "name", name);
  if (info.code !== undefined) hide(error, "code", info.code);
  if (info.hint !== undefined) hide(error, "hint", info.hint);
  return placeAt(error, frames ?? callerFrames());
}

/** A `TypeError` about one argument of a public function. */
export function argumentError(name: string, expected: string, actual?: unknown): TypeError {
  const got = arguments.length < 3 ? "" : `, not ${describe(actual)}`;
  return new NativeTypeError(`argument '${name}' must be ${expected}${got}`);
}

/** A short, safe description of a wrong value. */
function describe(value: unknown): string {
  switch (typeof value) {
    case "string":
      return value.length > 60 ? `${quote(stringSlice(value, 0, 60))}…` : quote(value);
    case "number":
    case "boolean":
    case "undefined":
      return `${value}`;
    case "bigint":
      return `${value}n`;
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
    default:
      return value === null ? "null" : isArray(value) ? "an array" : "an object";
  }
}

/** Where a rejection or throw without an Error of its own came from. */
export interface Origin {
  readonly stack?: string | undefined;
  /** `line:column` of the async function, as the host's rewrite noted it. */
  readonly place?: string | undefined;
}

/** The JSON text of an errorInfo: `{name, message, stack, text, code?, hint?, cause?, errors?, place?}`. Never throws. */
export function encodeError(reason: unknown, origin?: Origin, depth = 0): string {
  if (!isError(reason)) {
    const text = safely(() => inspectReason(reason), "a value that cannot be shown");
    let info = `{"name":"Unhandled","message":${quote(text)},"text":${quote(text)}`;
    info += `,"stack":${quote(origin?.stack ?? "")}`;
    if (origin?.place !== undefined) info += `,"place":${quote(origin.place)}`;
    return `${info}}`;
  }
  const name = textOf(reason, "name") ?? "Error";
  const message = textOf(reason, "message") ?? "";
  const stack = textOf(reason, "stack");
  const text = name === "" ? message : message === "" ? name : `${name}: ${message}`;
  let info = `{"name":${quote(name)},"message":${quote(message)},"text":${quote(text)}`;
  info += `,"stack":${quote(stack === undefined ? (origin?.stack ?? "") : withoutOwnFrames(stack))}`;
  const code = read(reason, "code");
  if (typeof code === "string" || typeof code === "number") info += `,"code":${jsonStringify(code)}`;
  const hint = textOf(reason, "hint");
  if (hint !== undefined) info += `,"hint":${quote(hint)}`;
  if (origin?.place !== undefined) info += `,"place":${quote(origin.place)}`;
  if (depth < MAX_CAUSES) {
    const cause = read(reason, "cause");
    if (cause !== undefined && cause !== reason) info += `,"cause":${encodeError(cause, undefined, depth + 1)}`;
    const errors = read(reason, "errors");
    if (isArray(errors)) {
      let list = "";
      for (let i = 0; i < errors.length && i < MAX_CAUSES; i++) {
        list += (i === 0 ? "" : ",") + encodeError(errors[i], undefined, depth + 1);
      }
      info += `,"errors":[${list}]`;
    }
  }
  return `${info}}`;
}

export function isError(value: unknown): value is Error {
  return safely(() => value instanceof NativeError, false);
}

function textOf(holder: object, key: string): string | undefined {
  const value = read(holder, key);
  return typeof value === "string" ? value : undefined;
}

/** A property of a user's object, whose getter or proxy may throw. */
function read(holder: object, key: string): unknown {
  return safely(() => (holder as Record<string, unknown>)[key], undefined);
}

function safely<T>(attempt: () => T, fallback: T): T {
  try {
    return attempt();
  } catch {
    return fallback;
  }
}

export function hide(holder: object, key: PropertyKey, value: unknown): void {
  defineProperty(holder, key, { value, writable: true, configurable: true, enumerable: false });
}
