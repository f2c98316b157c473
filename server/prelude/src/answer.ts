/** What a step said and did, read from its events, as the messages a model wants to see again. */
import type { Event } from "./events";
import { append, isArray, stringTrim } from "./primordials";

type ToolCall = Extract<Event, { type: "tool-call" }>["toolCall"];
type ToolResult = Extract<Event, { type: "tool-result" }>["toolResult"];

interface Call {
  readonly call: ToolCall;
  result: ToolResult | undefined;
}

/** Text, and the tools called after it. Tools called together are answered together. */
interface Round {
  text: string;
  readonly calls: Call[];
}

export interface AnsweredCall {
  readonly call: ToolCall;
  readonly result: ToolResult;
}

export interface AnswerRound {
  /** Empty if nothing was said. */
  readonly text: string;
  /** In the order in which they were called. A call that was not answered is left out: no model takes it back. */
  readonly calls: readonly AnsweredCall[];
}

export interface Answer {
  readonly rounds: readonly AnswerRound[];
  /** The text after the last call. */
  readonly text: string;
}

/** @param events of one stream, its end among them; neighbouring partials may be merged. */
export function readAnswer(events: readonly Event[]): Answer {
  let round: Round = { text: "", calls: [] };
  const rounds: Round[] = [round];
  let streamed = false;
  let text = "";
  for (let i = 0; i < events.length; i++) {
    const event = events[i]!;
    if (event.type === "partial") {
      if (round.calls.length > 0) append(rounds, (round = { text: "", calls: [] }));
      round.text += event.delta;
      streamed = true;
    } else if (event.type === "tool-call") {
      if (isAnswered(round)) append(rounds, (round = { text: "", calls: [] }));
      append(round.calls, { call: event.toolCall, result: undefined });
    } else if (event.type === "tool-result") {
      answer(rounds, event.toolResult);
    } else if (event.type === "final" || event.type === "interrupt") {
      text = event.text;
    }
  }
  if (rounds.length === 1 && round.calls.length === 0) return { rounds: [], text };
  const last = round.calls.length === 0 ? rounds.length - 1 : rounds.length;
  const answered: AnswerRound[] = [];
  for (let i = 0; i < last; i++) {
    append(answered, { text: stringTrim(rounds[i]!.text), calls: answeredCalls(rounds[i]!) });
  }
  return { rounds: answered, text: streamed ? stringTrim(rounds[last]?.text ?? "") : text };
}

/** The arguments as an object; models want one, also in place of what was none and was refused. */
export function callInput(call: ToolCall): Record<string, JsonValue> | undefined {
  const { input } = call;
  return typeof input === "object" && input !== null && !isArray(input)
    ? (input as Record<string, JsonValue>)
    : undefined;
}

function isAnswered(round: Round): boolean {
  for (let i = 0; i < round.calls.length; i++) if (round.calls[i]!.result !== undefined) return true;
  return false;
}

function answer(rounds: readonly Round[], result: ToolResult): void {
  for (let i = 0; i < rounds.length; i++) {
    const { calls } = rounds[i]!;
    for (let j = 0; j < calls.length; j++) {
      const call = calls[j]!;
      if (call.result === undefined && call.call.id === result.id) {
        call.result = result;
        return;
      }
    }
  }
}

function answeredCalls(round: Round): AnsweredCall[] {
  const answered: AnsweredCall[] = [];
  for (let i = 0; i < round.calls.length; i++) {
    const { call, result } = round.calls[i]!;
    if (result !== undefined) append(answered, { call, result });
  }
  return answered;
}
