/**
 * A host for the built prelude: a bare context whose microtasks run after each evaluation, as in mini-racer, a clock
 * that stands still unless a test moves it (`clock.now`), and a worker at the other end of the mailbox.
 */
import { readFileSync } from "node:fs";
import { createContext, Script, type Context } from "node:vm";
import { Worker } from "node:worker_threads";

const bundle = new URL("../../geppetto/runtime/prelude.js", import.meta.url);
const prelude = new Script(readFileSync(bundle, "utf8"), { filename: "geppetto:prelude" });

export type Message = [string, ...any[]];
/** What the worker answers to a synchronous call: a reply as it stands on the port. */
export type Replies = Record<string, ["ok", unknown] | ["err", { name?: string; message: string; code?: string }]>;

const BOOT = {
  params: { name: "Ada" },
  installs: ["conversation", "embeddings", "done", "tools"],
  steps: [
    { global: "doubleStep", ref: "double", kind: "object", inputType: "number", outputType: "number" },
    { global: "chatStep", ref: "chat", kind: "object", inputType: "string", outputType: "string" },
    { global: "ChatStepFactory", ref: "chat", kind: "factory", inputType: "string", outputType: "string" },
  ],
  embeddings: { name: "test-3", dimensions: 3 },
  interactive: false,
  inspect: { colors: false },
};

export class Host {
  readonly #context: Context;
  #worker: Worker | undefined;
  #modules = 0;
  /** Everything the prelude said, in order. */
  readonly said: Message[] = [];

  constructor() {
    this.#context = createContext({}, { microtaskMode: "afterEvaluate" });
    // Node 20's contexts lack what mini-racer's V8 has.
    this.evaluate(`for (const name of ["dispose", "asyncDispose"]) {
      if (!(name in Symbol)) Object.defineProperty(Symbol, name, { value: Symbol("Symbol." + name) });
    }
    delete globalThis.console;
    globalThis.clock = { now: 1_700_000_000_000 };
    Date.now = () => clock.now;`);
    prelude.runInContext(this.#context);
    this.turn(["boot", BOOT]);
  }

  evaluate(code: string): unknown {
    return new Script(code, { filename: "host" }).runInContext(this.#context);
  }

  /** One turn; returns what it said. */
  turn(...messages: Message[]): Message[] {
    const text = JSON.stringify(JSON.stringify(messages));
    const first = JSON.parse(this.evaluate(`__geppetto.turn(${text})`) as string) as Message[];
    const rest = JSON.parse(this.evaluate("__geppetto.drain()") as string) as Message[];
    this.said.push(...first, ...rest);
    return [...first, ...rest];
  }

  define(id: string, body: string, requires: Record<string, string> = {}, awaits = true): void {
    const kind = awaits ? "async function" : "function";
    // `tracked` is what the host's rewrite makes of an async function.
    const code = `(${kind} (require, module, exports, __geppettoAsync) { const tracked = __geppettoAsync; ${body}\n})`;
    this.evaluate(`__geppetto.define(${JSON.stringify(id)}, ${code}, ${awaits}, ${JSON.stringify(requires)})`);
  }

  /** Runs a script with top-level await; returns what its first turn said. */
  run(body: string): Message[] {
    const id = `main-${++this.#modules}.js`;
    this.define(id, body);
    return this.turn(["main", id]);
  }

  /** Runs a script of one turn and returns the lines it logged; whatever else goes wrong fails. */
  logs(body: string): string[] {
    const said = this.run(body);
    const rest = said.filter(([tag]) => tag !== "log");
    if (JSON.stringify(rest.at(-1)) !== '["main-done"]') throw new Error(JSON.stringify(rest));
    return said.filter(([tag]) => tag === "log").flatMap(([, , text]) => (text as string).split("\n"));
  }

  /** Answers synchronous calls from now on. */
  async answer(replies: Replies): Promise<void> {
    this.#worker = new Worker(MAILBOX, { eval: true, workerData: { sab: this.evaluate("__geppetto.sab"), replies } });
    await new Promise((resolve) => this.#worker!.once("message", resolve));
  }

  /** The requests that came through the mailbox, in order. */
  async requests(): Promise<[string, any][]> {
    this.#worker!.postMessage("requests?");
    return new Promise((resolve) => this.#worker!.once("message", resolve));
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }
}

/** The worker's side of the mailbox: takes requests in chunks, replies in chunks. */
const MAILBOX = `
const { parentPort, workerData: { sab, replies } } = require("node:worker_threads");
const words = new Int32Array(sab), text = new Uint16Array(sab, 64), seen = [];
const until = (state) => { while (Atomics.load(words, 0) !== state) Atomics.wait(words, 0, Atomics.load(words, 0), 0.1); };
const put = (units, more) => { words[1] = units; words[2] = more; Atomics.store(words, 0, 2); };
function take() {
  let request = "";
  for (;;) {
    for (let i = 0; i < words[1]; i++) request += String.fromCharCode(text[i]);
    if (words[2] === 0) return request;
    put(0, 0);
    until(1);
  }
}
function reply(message) {
  for (let start = 0; start < message.length; start += text.length) {
    if (start > 0) until(1);
    const units = Math.min(text.length, message.length - start);
    for (let i = 0; i < units; i++) text[i] = message.charCodeAt(start + i);
    put(units, start + units < message.length ? 1 : 0);
  }
}
(function poll() {
  if (Atomics.load(words, 0) === 1) {
    const [method, args] = JSON.parse(take());
    seen.push([method, args]);
    const unknown = ["err", { name: "Error", message: "no " + method }];
    reply(JSON.stringify(method === "flush" ? ["ok", null] : (replies[method] ?? unknown)));
  }
  setImmediate(poll);
})();
parentPort.on("message", () => parentPort.postMessage(seen));
parentPort.postMessage("ready");
`;

const META = { message_id: "m1", parent_id: "", engine: "test" };
const STEP = { step_id: "s1", type: "chat", input_type: "string", output_type: "string", meta: { a: 1 } };

/** An event as the host sends it. */
export function event(streamNo: number, type: string, fields: object = {}): Message {
  return ["ev", streamNo, { type, meta: META, step: STEP, ...fields }];
}

export const partial = (streamNo: number, delta: string): Message => event(streamNo, "partial", { delta });
export const final = (streamNo: number, text: string, result?: unknown): Message =>
  event(streamNo, "final", { text, ...(result === undefined ? {} : { result }) });

/** The messages of one kind. */
export function only(messages: readonly Message[], tag: string): Message[] {
  return messages.filter((message) => message[0] === tag);
}
