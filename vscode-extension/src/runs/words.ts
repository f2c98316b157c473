/** Runs and steps in words: times, tokens, money. */
import type { RunError } from "../protocol.gen";
import { type Run, type Step, secondsOf } from "./model";

/** About as many characters make a token: what is shown until the model has counted. */
const CHARACTERS_A_TOKEN = 4;

export function seconds(value: number): string {
  if (value < 59.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

export function tokens(count: number): string {
  return count === 1 ? "1 token" : `${count.toLocaleString("en-US")} tokens`;
}

export function dollars(value: number): string {
  return `$${value.toFixed(value < 0.01 ? 4 : 2)}`;
}

/** The tokens of a run so far; with a `~` where the models have not counted yet. Empty if there are none. */
export function tokensSoFar(run: Run): string {
  let unknown = 0;
  for (const step of run.steps) if (step.ending === undefined) unknown += step.characters;
  const guessed = Math.round(unknown / CHARACTERS_A_TOKEN);
  const sum = run.outputTokens + guessed;
  return sum === 0 ? "" : `${guessed > 0 ? "~" : ""}${tokens(sum)}`;
}

/** Outcome, time, tokens and cost. */
export function summary(run: Run, now: number): string {
  const state = run.state === "queued" ? waiting(run) : run.state === "running" ? "running" : run.outcome;
  const parts = [state, seconds(secondsOf(run, now)), tokensSoFar(run), cost(run.costUsd)];
  return parts.filter(Boolean).join(" · ");
}

/** What sets it apart from other runs of its script: the profile, the lines, the params; that it is a replay. */
export function circumstances({ origin }: Run): string[] {
  const { profile, params, replayOf, lines } = origin;
  return [
    replayOf === undefined ? "" : "replay",
    lines === undefined ? "" : lines[0] === lines[1] ? `line ${lines[0]}` : `lines ${lines[0]}–${lines[1]}`,
    profile === undefined ? "" : `profile ${profile}`,
    params === undefined || Object.keys(params).length === 0 ? "" : JSON.stringify(params),
  ].filter(Boolean);
}

export function waiting(run: Run): string {
  if (run.ahead === 0) return "waiting for a free place";
  return run.ahead === 1 ? "waiting behind 1 other" : `waiting behind ${run.ahead} others`;
}

/** Time, tokens and cost of a step. */
export function stepSummary(step: Step, now: number): string {
  const took = ((step.ended ?? now) - step.began) / 1000;
  const parts = [
    step.ending === "interrupt" ? "cancelled" : step.ending === "stopped" ? "stopped" : "",
    step.usage === undefined ? "" : tokens(step.usage.output_tokens),
    seconds(took),
    cost(step.usage?.cost),
  ];
  return parts.filter(Boolean).join(" · ");
}

/** The error in a line or two. */
export function errorText(error: RunError): string {
  const named = error.name === "Limit" || error.name === "RunError" ? "" : `${error.name}: `;
  const context = error.context === "" ? "" : ` (${error.context})`;
  return `${named}${error.message}${context}`;
}

/** The end of a text, or the beginning, on one line; without what would turn the direction of what stands beside it. */
export function oneLine(text: string, most: number, keep: "start" | "end" = "start"): string {
  // A part is enough, and long texts stay long strings.
  const part = keep === "start" ? text.slice(0, 4 * most) : text.slice(-4 * most);
  const flat = part
    .replace(/[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g, "")
    .replace(/\s+/g, " ")
    .trim();
  if (flat.length <= most && part.length === text.length) return flat;
  if (keep === "start")
    return flat.length < most ? `${flat}…` : `${whole(flat.slice(0, most - 1)).trimEnd()}…`;
  return `…${whole(flat.slice(-(most - 1))).trimStart()}`;
}

/** A text of any direction among others: where it ends, and what follows it, is not changed by it. */
export function isolated(text: string): string {
  return /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u.test(text)
    ? `\u2068${text}\u2069`
    : text;
}

/** Without half a surrogate pair at either end. */
export function whole(text: string): string {
  return text.replace(/^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/g, "");
}

function cost(value: number | null | undefined): string {
  return typeof value === "number" ? dollars(value) : "";
}
