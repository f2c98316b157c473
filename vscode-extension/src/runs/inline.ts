/** What stands in the text of a script behind its calls, and what their hovers show. */
import type { SourcePlace } from "../protocol.gen";
import { type Change, type Edits, moved, type Point } from "./drift";
import type { Run, Step } from "./model";
import { isolated, oneLine, stepSummary, whole } from "./words";

/** The steps that one call has started: the last of them, and how many there were. */
export interface CallSite {
  /** Where the call was when it ran. */
  readonly key: string;
  /** Where it is now. */
  place: Point;
  step: Step;
  times: number;
}

/** An answer that is cut shorter tells nothing. */
const LEAST = 30;
const HOVER_TEXT = 16 * 1024;
/** While it streams, the hover is made anew with every drawing. */
const STREAMING_HOVER_TEXT = 1024;
const HOVER_TOOLS = 20;

/** The calls of one script in one run, by place. */
export class CallSites {
  #sites = new Map<string, CallSite>();
  #seen = 0;
  #followed = 0;
  #undone: number | undefined;

  /**
   * @param isHere whether a file is the script itself, and not something that it imports.
   * @param edits of the script.
   */
  constructor(
    readonly run: Run,
    private readonly isHere: (file: string) => boolean,
    private readonly edits: Edits,
  ) {}

  /** Those that are still in the text, in no order. */
  get all(): CallSite[] {
    if (this.#undone !== this.edits.undone) this.#begin();
    for (const change of this.edits.all.slice(this.#followed)) this.#follow(change);
    this.#followed = this.edits.all.length;
    for (; this.#seen < this.run.steps.length; this.#seen++) {
      const step = this.run.steps[this.#seen];
      if (step?.place != null && this.isHere(step.place.file)) this.#add(step, step.place);
    }
    return [...this.#sites.values()];
  }

  #begin(): void {
    this.#sites.clear();
    this.#seen = 0;
    this.#followed = this.edits.all.length;
    this.#undone = this.edits.undone;
  }

  #follow(change: Change): void {
    for (const site of this.#sites.values()) {
      const now = moved(site.place, change);
      if (now === undefined) this.#sites.delete(site.key);
      else site.place = now;
    }
  }

  #add(step: Step, place: SourcePlace): void {
    const key = keyOf(place);
    const before = this.#sites.get(key);
    if (before !== undefined) {
      before.step = step;
      before.times++;
      return;
    }
    const now = this.edits.now(this.run.id, { line: place.line - 1, character: place.column - 1 });
    if (now !== undefined) this.#sites.set(key, { key, place: now, step, times: 1 });
  }
}

function keyOf({ line, column }: SourcePlace): string {
  return `${line}:${column}`;
}

/**
 * The run of a script whose text is shown: the newest, but for those that only wait for a free place, or were cancelled
 * before they had anything to show.
 *
 * @param runs of the script, newest first.
 */
export function runToShow(runs: readonly Run[]): Run | undefined {
  return runs.find(
    ({ state, outcome, steps }) => steps.length > 0 || !(state === "queued" || outcome === "cancelled"),
  );
}

/**
 * The text behind a call: the end of what it says while it streams; then the beginning, tokens and time.
 *
 * @param most characters of the answer.
 * @param room characters that are likely to be seen, with the numbers; a few of the answer are shown anyway.
 */
export function label(site: CallSite, most: number, room: number, now: number): string {
  const { step } = site;
  if (step.ending === undefined) {
    const width = Math.min(most, Math.max(LEAST, room));
    const tool = step.tools.at(-1);
    if (tool !== undefined && tool.result === undefined)
      return `→ ${isolated(oneLine(`${tool.name}(${tool.input})`, width))}`;
    return step.text === "" ? "…" : `${isolated(oneLine(step.text, width, "end"))} ▌`;
  }
  const facts = numbers(site, now);
  const width = Math.min(most, Math.max(LEAST, room - facts.length));
  const text =
    step.problem === undefined ? isolated(oneLine(step.text, width)) : `✗ ${oneLine(step.problem, width)}`;
  return [text, facts].filter(Boolean).join("  · ");
}

/** The whole of it, as Markdown. */
export function hover(site: CallSite, now: number): string {
  const { step } = site;
  const head = [`**${step.name}**`, step.engine && `\`${step.engine}\``, numbers(site, now)].filter(Boolean);
  const parts = [step.ending === undefined ? `${head.join(" · ")} · running` : head.join(" · ")];
  const tools = step.tools.slice(-HOVER_TOOLS);
  if (tools.length > 0) {
    const left = step.tools.length - tools.length;
    if (left > 0) parts.push(`…and ${left} more calls of tools before`);
    parts.push(
      tools
        .map((tool) => {
          const answer = tool.result === undefined ? "…" : code(oneLine(tool.result, 120));
          const arrow = tool.hasFailed ? "✗" : "→";
          return `- ${code(oneLine(`${tool.name}(${tool.input})`, 120))} ${arrow} ${answer}`;
        })
        .join("\n"),
    );
  }
  if (step.problem !== undefined) parts.push(`✗ ${escaped(step.problem)}`);
  if (step.text !== "") parts.push("---", said(step));
  return parts.join("\n\n");
}

/** The end of what it says while it streams; then the beginning, unless only the end is known. */
function said(step: Step): string {
  const isStreaming = step.ending === undefined;
  const most = isStreaming ? STREAMING_HOVER_TEXT : HOVER_TEXT;
  const isEnd = isStreaming || step.isCut;
  let text = whole(isEnd ? step.text.slice(-most) : step.text.slice(0, most));
  const left = step.characters - text.length;
  if (left > 0) {
    // Whole lines, where they are not too long.
    const [first, last] = [text.indexOf("\n"), text.lastIndexOf("\n")];
    if (isEnd && first >= 0 && first < most / 2) text = text.slice(first + 1);
    if (!isEnd && last > most / 2) text = text.slice(0, last);
    const count = (step.characters - text.length).toLocaleString("en-US");
    const note = `*…${count} characters ${isEnd ? "before" : "more in the output"}*`;
    text = isEnd ? `${note}\n\n${text}` : `${text}\n\n${note}`;
  }
  // What a model says must not make the editor fetch anything.
  return text.replaceAll("![", "!\\[");
}

function numbers(site: CallSite, now: number): string {
  const times = site.times > 1 ? `${site.times} times · ` : "";
  return times + stepSummary(site.step, now);
}

function code(text: string): string {
  const ticks = "`".repeat(Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length)) + 1);
  const pad = text.startsWith("`") || text.endsWith("`") ? " " : "";
  return `${ticks}${pad}${text}${pad}${ticks}`;
}

function escaped(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!<>|]/g, "\\$&");
}
