/** Calls the host answers in a later turn. */
import type { HostErrorInfo } from "./errors";
import { post } from "./port";
import { forgetAll, table } from "./primordials";

interface Call {
  readonly succeed: (value: JsonValue) => void;
  readonly fail: (info: HostErrorInfo) => void;
}

const calls = table<Call>();
let lastId = 0;

/** Asks the host; `args` is the JSON text of the argument array. Returns the call's id. */
export function callHost(method: string, args: string, call: Call): number {
  const id = ++lastId;
  calls[id] = call;
  post("call", `${id}`, `"${method}"`, args);
  return id;
}

/** Tells the host that the answer is no longer wanted. */
export function cancelCall(id: number): void {
  if (calls[id] === undefined) return;
  delete calls[id];
  post("cancel-call", `${id}`);
}

export function forgetCalls(): void {
  forgetAll(calls);
}

/** Delivers an answer; one to a call that was cancelled in the meantime is dropped. */
export function answerCall(id: number, deliver: (call: Call) => void): void {
  const call = calls[id];
  if (call === undefined) return;
  delete calls[id];
  deliver(call);
}
