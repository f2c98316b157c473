/** A run as its events have told it so far. Every event costs the same, however long the run is. */
import type { JsonValue, LaterEvent, RunError, RunEvent, SourcePlace, Usage } from "../protocol.gen";
import type { Renaming } from "./renaming";

export type Outcome = "ok" | "error" | "limit" | "cancelled" | "lost";

/** One call of a tool by a model; `result` is JSON text, undefined until it has answered. */
export interface ToolUse {
  readonly id: string;
  readonly name: string;
  readonly input: string;
  result?: string;
  hasFailed: boolean;
}

/** One started step. Times are milliseconds since the epoch. */
export interface Step {
  readonly id: string;
  /** The global that was started, such as `chatStep`. */
  readonly name: string;
  place: SourcePlace | null;
  readonly engine: string;
  readonly began: number;
  ended: number | undefined;
  /** When the first text came. */
  spoke: number | undefined;
  /** What it has said: the end of it, if `isCut`. */
  text: string;
  isCut: boolean;
  /** How many characters it has said. */
  characters: number;
  readonly tools: ToolUse[];
  usage: Usage | undefined;
  stopReason: string | undefined;
  /** How it has ended; undefined while it goes on. */
  ending: "final" | "error" | "interrupt" | "stopped" | undefined;
  problem: string | undefined;
}

/** How a run came to be. */
export interface RunOrigin {
  readonly uri: string | undefined;
  readonly params?: { readonly [key: string]: JsonValue } | undefined;
  readonly profile?: string | undefined;
  readonly replayOf?: string | undefined;
  /** The first and the last line that were selected, counted from 1, if only a part runs. */
  readonly lines?: readonly [number, number] | undefined;
}

export interface Run {
  readonly id: string;
  origin: RunOrigin;
  readonly began: number;
  state: "queued" | "running" | "ended";
  /** How many wait before it, while it is queued. */
  ahead: number;
  outcome: Outcome | undefined;
  /** From the start to the end, once it has ended. */
  seconds: number | undefined;
  readonly steps: Step[];
  readonly stepsById: Map<string, Step>;
  readonly notices: string[];
  errors: readonly RunError[];
  /** Of the steps that have told, while it goes on; then of all. */
  inputTokens: number;
  outputTokens: number;
  costUsd: number | null;
  /** Characters that were left out on the way here. */
  missing: number;
  /** Of the files that have got other names while it goes on: it tells their old ones. */
  readonly renamings: Renaming[];
}

/** More of one step's text is not kept. */
export const MAX_TEXT = 1024 * 1024;

export function newRun(id: string, origin: RunOrigin, now: number): Run {
  return {
    id,
    origin,
    began: now,
    state: "running",
    ahead: 0,
    outcome: undefined,
    seconds: undefined,
    steps: [],
    stepsById: new Map(),
    notices: [],
    errors: [],
    inputTokens: 0,
    outputTokens: 0,
    costUsd: null,
    missing: 0,
    renamings: [],
  };
}

/** Takes the next event into the run. */
export function take(run: Run, event: RunEvent, now: number): void {
  switch (event.kind) {
    case "queued":
      run.state = "queued";
      run.ahead = event.ahead;
      break;
    case "started":
      run.state = "running";
      stopSteps(run, now); // of an attempt before: the run is begun anew
      break;
    case "console":
      break;
    case "notice":
      run.notices.push(event.text);
      break;
    case "step": {
      const step: Step = {
        id: event.stepId,
        name: event.name,
        place: event.place && run.renamings.reduce(renamedPlace, event.place),
        engine: event.event.meta.engine,
        began: now,
        ended: undefined,
        spoke: undefined,
        text: "",
        isCut: false,
        characters: 0,
        tools: [],
        usage: undefined,
        stopReason: undefined,
        ending: undefined,
        problem: undefined,
      };
      run.steps.push(step);
      run.stepsById.set(step.id, step);
      break;
    }
    case "delta": {
      const step = run.stepsById.get(event.stepId);
      if (step !== undefined && step.ending === undefined) {
        step.spoke ??= now;
        append(step, event.delta);
      }
      break;
    }
    case "event": {
      const step = run.stepsById.get(event.stepId);
      if (step !== undefined && step.ending === undefined) takeLater(run, step, event.event, now);
      break;
    }
    case "gap":
      run.missing += event.characters;
      break;
    case "end":
      run.errors = event.errors.map((error) => run.renamings.reduce(renamedError, error));
      run.inputTokens = event.inputTokens;
      run.outputTokens = event.outputTokens;
      run.costUsd = event.costUsd;
      end(run, event.outcome, event.seconds, now);
      break;
  }
}

/** Files have got other names. */
export function follow(run: Run, rename: Renaming): void {
  const { uri } = run.origin;
  if (uri !== undefined) run.origin = { ...run.origin, uri: rename(uri) };
  for (const step of run.steps) step.place = step.place && renamedPlace(step.place, rename);
  run.errors = run.errors.map((error) => renamedError(error, rename));
  if (isGoingOn(run)) run.renamings.push(rename);
}

/** The server has gone without telling the end. */
export function lose(run: Run, now: number): void {
  if (run.state !== "ended") end(run, "lost", (now - run.began) / 1000, now);
}

/** Whether it goes on, or waits to. */
export function isGoingOn(run: Run): boolean {
  return run.state !== "ended";
}

/** Seconds since the start, or that it took. */
export function secondsOf(run: Run, now: number): number {
  return run.seconds ?? Math.max(0, (now - run.began) / 1000);
}

function end(run: Run, outcome: Outcome, seconds: number, now: number): void {
  run.state = "ended";
  run.outcome = outcome;
  run.seconds = seconds;
  stopSteps(run, now);
}

function stopSteps(run: Run, now: number): void {
  for (const step of run.steps) {
    if (step.ending === undefined) {
      step.ending = "stopped";
      step.ended = now;
    }
  }
}

function renamedPlace(place: SourcePlace, rename: Renaming): SourcePlace {
  return { ...place, file: rename(place.file) };
}

function renamedError(error: RunError, rename: Renaming): RunError {
  return {
    ...error,
    place: error.place && renamedPlace(error.place, rename),
    frames: error.frames.map((frame) => ({ ...frame, place: renamedPlace(frame.place, rename) })),
    cause: error.cause && renamedError(error.cause, rename),
  };
}

function append(step: Step, delta: string): void {
  step.characters += delta.length;
  step.text += delta;
  // Cut now and then, not at every piece.
  if (step.text.length > MAX_TEXT * 1.25) {
    step.text = step.text.slice(-MAX_TEXT);
    step.isCut = true;
  }
}

function takeLater(run: Run, step: Step, event: LaterEvent, now: number): void {
  switch (event.type) {
    case "tool-call": {
      const { id, name, input } = event.tool_call;
      step.tools.push({ id, name, input, hasFailed: false });
      return;
    }
    case "tool-result": {
      const { id, result, is_error } = event.tool_result;
      const tool = step.tools.findLast((each) => each.id === id && each.result === undefined);
      if (tool !== undefined) {
        tool.result = typeof result === "string" ? result : JSON.stringify(result);
        tool.hasFailed = is_error === true;
      }
      return;
    }
    case "final":
    case "interrupt":
      // Whole again, whatever was left out on the way.
      step.text = event.text.slice(-MAX_TEXT);
      step.isCut = event.text.length > MAX_TEXT;
      step.characters = event.text.length;
      break;
    case "error":
      step.problem = event.error_string;
      break;
  }
  step.ending = event.type;
  step.ended = now;
  step.stopReason = event.meta.stop_reason ?? undefined;
  const usage = event.meta.usage;
  if (usage !== null && usage !== undefined) {
    step.usage = usage;
    run.inputTokens += usage.input_tokens;
    run.outputTokens += usage.output_tokens;
    if (typeof usage.cost === "number") run.costUsd = (run.costUsd ?? 0) + usage.cost;
  }
}
