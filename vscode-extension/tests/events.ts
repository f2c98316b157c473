/** Events of a run, as the server tells them. */
import type { EventMetadata, RunError, RunEvent, StepMetadata, Usage } from "../src/protocol.gen";

export function meta(usage?: Usage): EventMetadata {
  return { message_id: "m", parent_id: "", engine: "echo", usage: usage ?? null };
}

function stepMeta(id: string): StepMetadata {
  return { step_id: id, type: "chat", input_type: "string", output_type: "string", meta: {} };
}

export function step(id: string, line = 1, column = 1, file = "/a.geppetto.js"): RunEvent {
  const event = { type: "start", meta: meta(), step: stepMeta(id) } as const;
  return { kind: "step", stepId: id, name: "chatStep", place: { file, line, column }, event };
}

export function delta(id: string, text: string): RunEvent {
  return { kind: "delta", stepId: id, delta: text };
}

export function toolCall(id: string, call: string, name = "find", input = '{"a":1}'): RunEvent {
  const event = {
    type: "tool-call",
    meta: meta(),
    step: stepMeta(id),
    tool_call: { id: call, name, input },
  } as const;
  return { kind: "event", stepId: id, event };
}

export function toolResult(id: string, call: string, result: string, isError = false): RunEvent {
  const tool_result = { id: call, result, is_error: isError };
  return {
    kind: "event",
    stepId: id,
    event: { type: "tool-result", meta: meta(), step: stepMeta(id), tool_result },
  };
}

export function final(id: string, text: string, usage?: Usage): RunEvent {
  return { kind: "event", stepId: id, event: { type: "final", meta: meta(usage), step: stepMeta(id), text } };
}

export function interrupt(id: string, text: string): RunEvent {
  return { kind: "event", stepId: id, event: { type: "interrupt", meta: meta(), step: stepMeta(id), text } };
}

export function failure(id: string, problem: string): RunEvent {
  const event = { type: "error", meta: meta(), step: stepMeta(id), error_string: problem } as const;
  return { kind: "event", stepId: id, event };
}

export function said(text: string, level: "log" | "warn" = "log"): RunEvent {
  return { kind: "console", level, text };
}

export function end(outcome: "ok" | "error" | "cancelled" = "ok", errors: RunError[] = []): RunEvent {
  return {
    kind: "end",
    outcome,
    errors,
    seconds: 1.5,
    steps: 1,
    inputTokens: 3,
    outputTokens: 7,
    costUsd: 0.002,
  };
}

export function error(message: string, line = 3): RunError {
  return {
    name: "TypeError",
    message,
    context: "",
    code: null,
    hint: "Look there.",
    place: { file: "/w/a.geppetto.js", line, column: 5 },
    frames: [
      { function: "inner", place: { file: "/w/a.geppetto.js", line, column: 5 } },
      { function: "", place: { file: "/w/a.geppetto.js", line: 9, column: 1 } },
    ],
    codeFrame: null,
    cause: null,
  };
}
