// Made by `python -m tests.house.typescript` from the models in server/geppetto. Do not edit.

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** `geppetto/profiles`. */
export interface AskedProfiles {
  /** the script; without it the workspace's first folder counts. */
  readonly uri?: string | null;
}

/** A file that keeps what models are asked in a run and what they answer, or that answers instead of them. */
export interface CassetteUse {
  /** whether it is made or played. */
  readonly mode: "record" | "replay";
  /** of the file. */
  readonly path: string;
  /** of the answers when it is played: as they were, or as fast as it goes. */
  readonly pace?: "live" | "fast";
}

/** Some lines of a source around a place. */
export interface CodeLines {
  readonly firstLine: number;
  readonly lines: readonly string[];
}

/** The script printed something: one or more lines, without the last newline. */
export interface ConsoleEvent {
  readonly kind: "console";
  readonly level: "debug" | "info" | "log" | "warn" | "error";
  readonly text: string;
}

/** A param that a script declares in its header. */
export interface DeclaredParam {
  readonly name: string;
  /** any for whatever is none of the others. */
  readonly type: "string" | "number" | "integer" | "boolean" | "array" | "object" | "any";
  /** the type as the script writes it. */
  readonly label: string;
  /** the only values there are; empty if there are others. */
  readonly choices: readonly JsonValue[];
  /** whether it has to be given. */
  readonly required: boolean;
  /** what it is if it is not given; null for nothing. */
  readonly default: JsonValue;
  /** what it is for, in one line; may be empty. */
  readonly description: string;
}

/** The answer to `geppetto/params`. */
export interface DeclaredParams {
  /** what the script is for, in one line; may be empty. */
  readonly description: string;
  /** in the script's order; empty if it declares none, and then it takes whatever it is given. */
  readonly params: readonly DeclaredParam[];
}

/** `geppetto/params`: one of them has to be there. */
export interface DeclaringScript {
  /** the script; an open document counts as it is in the editor. */
  readonly uri?: string | null;
  /** counts instead of the script's own text. */
  readonly text?: string | null;
}

/** Text of a step's stream: what came since the last one, several pieces joined. */
export interface DeltaEvent {
  readonly kind: "delta";
  readonly stepId: string;
  readonly delta: string;
}

/** The run is over; nothing follows. Steps without a terminal event ended with it. */
export interface EndEvent {
  readonly kind: "end";
  /** ok, error (the script failed, or its process), limit (a limit stopped it), cancelled. */
  readonly outcome: "ok" | "error" | "limit" | "cancelled";
  /** what went wrong, in order. */
  readonly errors: readonly RunError[];
  /** from the start to the end. */
  readonly seconds: number;
  /** how many were started. */
  readonly steps: number;
  /** of all steps that reported usage. */
  readonly inputTokens: number;
  /** of all steps that reported usage. */
  readonly outputTokens: number;
  /** null if no step reported a cost. */
  readonly costUsd: number | null;
}

/** The step failed. `code` is a snake-case kind, such as "rate_limit". */
export interface ErrorEvent {
  readonly type: "error";
  readonly meta: EventMetadata;
  readonly step: StepMetadata;
  readonly error_string: string;
  readonly code?: string | null;
}

/** The message an event belongs to and the model behind it. */
export interface EventMetadata {
  readonly message_id: string;
  readonly parent_id: string;
  readonly engine: string;
  readonly temperature?: number | null;
  readonly top_p?: number | null;
  readonly max_tokens?: number | null;
  readonly usage?: Usage | null;
  readonly stop_reason?: string | null;
}

/** The step is done. `result` is its typed output where that is more than the text. */
export interface FinalEvent {
  readonly type: "final";
  readonly meta: EventMetadata;
  readonly step: StepMetadata;
  readonly text: string;
  readonly result?: JsonValue;
}

/**
 * Something was left out here, because its reader was far behind or the record is full.
 *
 * Text goes first: a step's terminal event, which has the whole text, is left out last.
 */
export interface GapEvent {
  readonly kind: "gap";
  readonly characters: number;
  readonly events: number;
}

/** The step was cancelled. `text` is what had arrived until then. */
export interface InterruptEvent {
  readonly type: "interrupt";
  readonly meta: EventMetadata;
  readonly step: StepMetadata;
  readonly text: string;
}

/** Geppetto has something to say about the run. */
export interface NoticeEvent {
  readonly kind: "notice";
  readonly text: string;
}

/** A piece of text. `delta` is the new piece only. */
export interface PartialEvent {
  readonly type: "partial";
  readonly meta: EventMetadata;
  readonly step: StepMetadata;
  readonly delta: string;
}

/** The answer to `geppetto/profiles`. */
export interface Profiles {
  /** of the settings that hold for the script. */
  readonly profiles: readonly string[];
  /** the one that the settings choose themselves, if nobody else does. */
  readonly chosen: string | null;
}

/** The run waits until others have ended; `ahead` of it are that many that wait too. */
export interface QueuedEvent {
  readonly kind: "queued";
  readonly ahead: number;
}

/** An error that made a run fail. */
export interface RunError {
  /** its class, such as `TypeError`, or `Limit`. */
  readonly name: string;
  /** what happened. */
  readonly message: string;
  /** how it reached the end of the script; empty for a plain throw. */
  readonly context: string;
  /** a stable name for programs, such as `unhandled-rejection` or `limit.heap`. */
  readonly code: string | null;
  /** what to do about it. */
  readonly hint: string | null;
  /** where in the user's source. */
  readonly place: SourcePlace | null;
  /** the calls that led there, innermost first, user code only. */
  readonly frames: readonly StackFrame[];
  /** the source around the place. */
  readonly codeFrame: CodeLines | null;
  /** the error this one was made from. */
  readonly cause: RunError | null;
}

/** `geppetto/runEvent`: the next event of a run. `seq` counts from 0 without gaps. */
export interface RunEventParams {
  readonly runId: string;
  readonly seq: number;
  readonly event: RunEvent;
}

/** A run as `geppetto/listRuns` shows it. */
export interface RunInfo {
  readonly runId: string;
  /** of the script; null for a text without one. */
  readonly uri: string | null;
  readonly state: "queued" | "running" | "ended";
  readonly startedAt: string;
  /** null until it has ended. */
  readonly outcome: "ok" | "error" | "limit" | "cancelled" | null;
  readonly seconds: number | null;
  readonly steps: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number | null;
}

/** The answer to `geppetto/listRuns`: those that go on or wait, and the last that have ended; oldest first. */
export interface RunList {
  readonly runs: readonly RunInfo[];
}

/** The answer to `geppetto/runOutput`. */
export interface RunOutput {
  /** as it is now. */
  readonly run: RunInfo;
  /** what `geppetto/runEvent` has told, or would have; the oldest are missing if there is too much. */
  readonly events: readonly RunEventParams[];
  /** whether none is missing. */
  readonly isComplete: boolean;
}

/** `geppetto/run`: one of `uri`, `text` and `replay` has to be there. */
export interface RunParams {
  /** the script; an open document runs as it is in the editor. */
  readonly uri?: string | null;
  /** runs instead of the script's own text. */
  readonly text?: string | null;
  /**
   * only the top-level statements that it touches, and what they depend on; if it is empty, the
   * statement at that place.
   */
  readonly range?: TextRange | null;
  /** what the script reads as `params`; a text is read as the type that the script declares. */
  readonly params?: { readonly [key: string]: JsonValue };
  /** the settings' profile. */
  readonly profile?: string | null;
  /** the id of a recorded run to play again, or `last`. */
  readonly replay?: string | null;
  /** of a replay: how many times as fast as it ran; without it there is no waiting. */
  readonly pace?: number | null;
  /** recorded by the run, or played instead of asking models; not for a `replay`, which asks none. */
  readonly cassette?: CassetteUse | null;
  /** progress is reported with it. */
  readonly workDoneToken?: string | number | null;
}

/** What to run. */
export interface RunRequest {
  /** where the script is, or would be; absolute. */
  readonly path: string;
  /** its text when it is not what the file says; null to read the file. */
  readonly text?: string | null;
  /** the workspace; imports stay inside it. null for the script's folder. */
  readonly root?: string | null;
  /** what the script reads as `params`. */
  readonly params?: { readonly [key: string]: JsonValue };
  /** the settings' profile. */
  readonly profile?: string | null;
  /** limits by their names in `geppetto.runtime.limits.Limits`; null lifts one. */
  readonly limits?: { readonly [key: string]: number | null };
  /** recorded or played; its path is relative to the script's folder. */
  readonly cassette?: CassetteUse | null;
}

/** The answer to `geppetto/run`. */
export interface RunStarted {
  readonly runId: string;
}

/** A record in one line. `error` is the first line of the first error; `bytes` the size of the file. */
export interface RunSummary {
  readonly runId: string;
  readonly path: string;
  readonly startedAt: string;
  readonly state: "ok" | "error" | "limit" | "cancelled" | "running" | "lost";
  readonly seconds: number | null;
  readonly steps: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number | null;
  readonly error: string | null;
  readonly bytes: number;
}

/** A point in a source file; line and column count from 1, columns in UTF-16 units. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One call of a stack, in user code. */
export interface StackFrame {
  readonly function: string;
  readonly place: SourcePlace;
}

export interface StartEvent {
  readonly type: "start";
  readonly meta: EventMetadata;
  readonly step: StepMetadata;
}

/** The run's process has taken the script. Told again when another worker begins the run anew. */
export interface StartedEvent {
  readonly kind: "started";
  readonly pid: number;
}

/** Any other event of a step, in the wire form of events: tool calls and results, and the terminal one. */
export interface StepEvent {
  readonly kind: "event";
  readonly stepId: string;
  readonly event: LaterEvent;
}

/** The step an event comes from. `meta` is free for whoever starts the step. */
export interface StepMetadata {
  readonly step_id: string;
  readonly type: string;
  readonly input_type: string;
  readonly output_type: string;
  readonly meta: { readonly [key: string]: JsonValue };
}

/** A step was started; the events of its stream follow with the same step id. */
export interface StepStartedEvent {
  readonly kind: "step";
  readonly stepId: string;
  /** the global that was started, such as `chatStep`. */
  readonly name: string;
  /** the call in the user's source. */
  readonly place: SourcePlace | null;
  /** the start event of the stream. */
  readonly event: StartEvent;
}

/** A place in a text, as the language server protocol has it: both count from 0, characters in UTF-16 units. */
export interface TextPosition {
  readonly line: number;
  readonly character: number;
}

/** A part of a text; the end is not in it. */
export interface TextRange {
  readonly start: TextPosition;
  readonly end: TextPosition;
}

/** A tool the model asked for. `input` is the model's raw text, which may not be JSON. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: string;
}

export interface ToolCallEvent {
  readonly type: "tool-call";
  readonly meta: EventMetadata;
  readonly step: StepMetadata;
  readonly tool_call: ToolCall;
}

/** What a tool answered. `id` is that of the call. */
export interface ToolResult {
  readonly id: string;
  readonly result: JsonValue;
  readonly is_error?: boolean | null;
}

export interface ToolResultEvent {
  readonly type: "tool-result";
  readonly meta: EventMetadata;
  readonly step: StepMetadata;
  readonly tool_result: ToolResult;
}

/** What a model call consumed: tokens, and `cost` in US dollars where it is known. */
export interface Usage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cost?: number | null;
}

export type StreamEvent =
  | StartEvent
  | PartialEvent
  | ToolCallEvent
  | ToolResultEvent
  | FinalEvent
  | ErrorEvent
  | InterruptEvent;

export type LaterEvent =
  | ToolCallEvent
  | ToolResultEvent
  | FinalEvent
  | ErrorEvent
  | InterruptEvent;

export type RunEvent =
  | QueuedEvent
  | StartedEvent
  | ConsoleEvent
  | NoticeEvent
  | StepStartedEvent
  | DeltaEvent
  | StepEvent
  | GapEvent
  | EndEvent;
