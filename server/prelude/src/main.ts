/** Installs the prelude: the globals of a bare script, and `__geppetto`, the host's end of the port. */
import { abortClasses } from "./abort";
import { installAsyncFunctions } from "./async-functions";
import { answerCall, forgetCalls } from "./calls";
import { consoleObject, useColors } from "./console";
import { argumentError, encodeError, hide, type HostErrorInfo } from "./errors";
import type { WireEvent } from "./events";
import { Conversation } from "./conversation";
import { makeEmbeddings, sendEmbeddings } from "./embeddings";
import { lazyGlobals, loadEncoding, loadUrls, loadWeb } from "./lazy";
import { define, defineJson, runMain } from "./modules";
import { beginTurn, post, sab, takeQueued } from "./port";
import { dateNow, defineProperty, freeze, getOwnPropertyDescriptor, isArray, jsonParse, objectKeys, quote } from "./primordials";
import { installPromises, reportUnhandled, soon } from "./promises";
import { stepGlobal, type StepInfo } from "./steps";
import { cancelAllStreams, forgetStreams, receiveDeltas, receiveEvent, reportUnobservedErrors, silence } from "./stream";
import { clearTimer, fireTimer, forgetTimers, setImmediate, setInterval, setTimeout } from "./timers";
import { defineTool, runTool } from "./tools";

interface Boot {
  readonly params?: Record<string, JsonValue>;
  readonly installs?: readonly string[];
  readonly steps?: readonly StepInfo[];
  readonly embeddings?: { readonly name: string; readonly dimensions: number } | null;
  readonly inspect?: { readonly colors?: boolean };
}

type HostMessage =
  | readonly ["boot", Boot]
  | readonly ["global", StepInfo]
  | readonly ["main", string]
  | readonly ["ev", number, WireEvent]
  | readonly ["deltas", number, ...string[]]
  | readonly ["ok", number, JsonValue]
  | readonly ["err", number, HostErrorInfo]
  | readonly ["timer", number]
  | readonly ["tool", number, string, JsonValue]
  | readonly ["interrupt"]
  | readonly ["forget"];

function handle(message: HostMessage): void {
  switch (message[0]) {
    case "ev":
      return receiveEvent(message[1], message[2]);
    case "deltas":
      return receiveDeltas(message[1], message as unknown as readonly string[]);
    case "ok":
      return answerCall(message[1], (call) => call.succeed(message[2]));
    case "err":
      return answerCall(message[1], (call) => call.fail(message[2]));
    case "timer":
      return fireTimer(message[1]);
    case "tool":
      return runTool(message[1], message[2], message[3]);
    case "interrupt":
      return cancelAllStreams();
    case "forget":
      return forget();
    case "boot":
      return boot(message[1]);
    case "global":
      return hide(globalThis, message[1].global, stepGlobal(message[1]));
    case "main":
      silence(false);
      return runMain(message[1]);
    default:
      throw new Error(`geppetto: the host sent a message this prelude does not know: ${quote(`${message[0]}`)}`);
  }
}

/** Lets go of what an earlier script waited for when it was ended: nothing of that comes any more. */
function forget(): void {
  forgetTimers();
  forgetCalls();
  forgetStreams();
}

/** Handles a batch; returns what is queued so far, since the microtasks that follow might never end. */
function turn(text: string): string {
  beginTurn();
  const messages = jsonParse(text) as readonly HostMessage[];
  if (!isArray(messages)) throw new Error("geppetto: a turn must be a JSON array of messages");
  for (let i = 0; i < messages.length; i++) handle(messages[i]!);
  return takeQueued();
}

function drain(): string {
  sendEmbeddings();
  reportUnobservedErrors();
  reportUnhandled();
  return takeQueued();
}

function boot(config: Boot): void {
  useColors(config.inspect?.colors ?? false);
  hide(globalThis, "params", deepFreeze(config.params ?? {}));
  for (const step of config.steps ?? []) hide(globalThis, step.global, stepGlobal(step));
  const installs = config.installs ?? [];
  if (installs.includes("conversation")) hide(globalThis, "Conversation", Conversation);
  if (installs.includes("embeddings") && config.embeddings != null) {
    hide(globalThis, "embeddings", makeEmbeddings(config.embeddings));
  }
  if (installs.includes("done")) hide(globalThis, "done", done);
  if (installs.includes("tools")) hide(globalThis, "defineTool", defineTool);
}

function done(error?: unknown): void {
  silence(true);
  post("done", error === undefined || error === null ? "null" : encodeError(error));
}

function queueMicrotask(callback: unknown): void {
  if (typeof callback !== "function") throw argumentError("callback", "a function", callback);
  soon(() => {
    try {
      callback();
    } catch (error) {
      post("uncaught", encodeError(error), '"microtask"');
    }
  });
}

/** Milliseconds since the script's start that never run backwards, at the resolution of V8's clock. */
function makePerformance(): Performance {
  const timeOrigin = dateNow();
  let latest = 0;
  return {
    timeOrigin,
    now() {
      const now = dateNow() - timeOrigin;
      if (now > latest) latest = now;
      return latest;
    },
  };
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  const names = objectKeys(value);
  for (let i = 0; i < names.length; i++) deepFreeze((value as Record<string, unknown>)[names[i]!]);
  return freeze(value);
}

const globals = globalThis as unknown as Record<string, unknown>;
delete globals["WebAssembly"];
delete (Atomics as Partial<typeof Atomics>).waitAsync;
if ("__timer_manager" in globals) globals["__timer_manager"] = undefined;

installPromises();
installAsyncFunctions();
for (const [name, value] of Object.entries({
  console: consoleObject,
  setTimeout,
  clearTimeout: clearTimer,
  setInterval,
  clearInterval: clearTimer,
  setImmediate,
  clearImmediate: clearTimer,
  queueMicrotask,
  performance: makePerformance(),
})) {
  // mini-racer's own timers cannot be redefined, only assigned to.
  if (getOwnPropertyDescriptor(globalThis, name)?.configurable === false) globals[name] = value;
  else hide(globalThis, name, value);
}
lazyGlobals(["AbortController", "AbortSignal", "Event", "EventTarget"], abortClasses);
lazyGlobals(["TextDecoder", "TextEncoder"], loadEncoding);
lazyGlobals(["atob", "btoa", "DOMException", "structuredClone"], loadWeb);
lazyGlobals(["URL", "URLSearchParams"], loadUrls);
defineProperty(globalThis, "__geppetto", {
  value: freeze({ turn, drain, define, defineJson, sab }),
  enumerable: false,
});
