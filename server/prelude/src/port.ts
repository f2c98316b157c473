/**
 * The narrow port between the prelude and whoever hosts it.
 *
 * Outgoing messages are encoded at once, when they are posted: what is sent is what was true at that moment, and a
 * script that patches `toJSON` later changes nothing. They leave either when the host drains the turn or, in a long
 * turn, through a mailbox in shared memory that also carries synchronous calls. Another host (Node, say) needs to
 * replace this module alone.
 */
import { hostError, type HostErrorInfo } from "./errors";
import {
  atomicLoad,
  atomicStore,
  atomicWait,
  charCodeAt,
  dateNow,
  fromCharCode,
  jsonParse,
  quote,
  reflectApply,
} from "./primordials";

export type OutgoingTag =
  | "call"
  | "cancel"
  | "cancel-call"
  | "done"
  | "main-done"
  | "main-failed"
  | "start"
  | "stream-error-unobserved"
  | "timer"
  | "tool-defined"
  | "tool-err"
  | "tool-ok"
  | "uncaught"
  | "unhandled"
  | "untimer";

export type LogLevel = "debug" | "info" | "log" | "warn" | "error";

/** Text queued beyond this many UTF-16 units leaves in the middle of the turn. */
const FLUSH_UNITS = 256 * 1024;
/** A post this many milliseconds after the last flush takes the queue along. */
const FLUSH_MS = 30;

let queued = "";
let logLevel: LogLevel | undefined;
let logText = "";
let lastFlush = dateNow();

/** Queues one message; every part is JSON text already. */
export function post(tag: OutgoingTag, ...parts: string[]): void {
  queueLog();
  let message = `["${tag}"`;
  for (let i = 0; i < parts.length; i++) message += `,${parts[i]}`;
  enqueue(`${message}]`);
  flushIfDue();
}

/** Queues one console line; neighbours of the same level travel as one message. */
export function postLog(level: LogLevel, text: string): void {
  if (level === logLevel) {
    logText += `\n${text}`;
  } else {
    queueLog();
    logLevel = level;
    logText = text;
  }
  flushIfDue();
}

/** Asks the host and waits for the answer, blocking the isolate. `args` is the JSON text of the argument array. */
export function callSync(method: string, args: string): unknown {
  flush();
  return request(`["${method}",${args}]`);
}

export function beginTurn(): void {
  lastFlush = dateNow();
}

/** Everything queued since the last drain or flush, as the JSON text of an array of messages. */
export function takeQueued(): string {
  queueLog();
  const messages = `[${queued}]`;
  queued = "";
  return messages;
}

function enqueue(message: string): void {
  queued = queued === "" ? message : `${queued},${message}`;
}

function queueLog(): void {
  if (logLevel === undefined) return;
  const message = `["log","${logLevel}",${quote(logText)}]`;
  logLevel = undefined;
  logText = "";
  enqueue(message);
}

function flushIfDue(): void {
  if (queued.length + logText.length > FLUSH_UNITS || dateNow() - lastFlush > FLUSH_MS) flush();
}

function flush(): void {
  queueLog();
  if (queued !== "") request(`["flush",${takeQueued()}]`);
  lastFlush = dateNow();
}

// The mailbox: three Int32 words (state, units in this chunk, more chunks follow), then UTF-16 text at byte 64.
const MAILBOX_BYTES = 1024 * 1024;
const TEXT_OFFSET = 64;
const IDLE = 0;
const REQUEST = 1;
const REPLY = 2;
/** How long one wait lasts, in ms: the host cannot notify the isolate, so it polls. */
const POLL_MS = 0.2;
/** Units per `fromCharCode` call: well below V8's limit on arguments. */
const DECODE_UNITS = 8192;

export const sab = new SharedArrayBuffer(MAILBOX_BYTES);
const words = new Int32Array(sab);
const text = new Uint16Array(sab, TEXT_OFFSET);
const capacity = text.length;
/** Fixed views over the text, made once, so that decoding depends on no patchable `subarray`. */
const windows: Uint16Array[] = [];
for (let start = 0; start < capacity; start += DECODE_UNITS) {
  windows[windows.length] = new Uint16Array(
    sab,
    TEXT_OFFSET + start * 2,
    Math.min(DECODE_UNITS, capacity - start),
  );
}

type Reply = readonly ["ok", unknown] | readonly ["err", HostErrorInfo];

function request(message: string): unknown {
  send(message);
  const reply = jsonParse(receive()) as Reply;
  if (reply[0] === "ok") return reply[1];
  throw hostError(reply[1]);
}

function send(message: string): void {
  let sent = 0;
  do {
    const units = message.length - sent < capacity ? message.length - sent : capacity;
    for (let i = 0; i < units; i++) text[i] = charCodeAt(message, sent + i);
    sent += units;
    signal(units, sent < message.length);
    awaitReply();
  } while (sent < message.length);
}

function receive(): string {
  let message = "";
  for (;;) {
    message += decode(atomicLoad(words, 1));
    if (atomicLoad(words, 2) === 0) break;
    signal(0, false);
    awaitReply();
  }
  atomicStore(words, 0, IDLE);
  return message;
}

function signal(units: number, more: boolean): void {
  atomicStore(words, 1, units);
  atomicStore(words, 2, more ? 1 : 0);
  atomicStore(words, 0, REQUEST);
}

function awaitReply(): void {
  while (atomicLoad(words, 0) !== REPLY) atomicWait(words, 0, REQUEST, POLL_MS);
}

function decode(units: number): string {
  let message = "";
  let start = 0;
  for (let i = 0; start < units; i++, start += DECODE_UNITS) {
    const view = windows[i]!;
    if (start + DECODE_UNITS <= units) message += reflectApply(fromCharCode, undefined, view as never);
    else for (let j = 0; start + j < units; j++) message += fromCharCode(view[j]!);
  }
  return message;
}
