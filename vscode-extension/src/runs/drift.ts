/** Where places of a text are after edits. Lines and characters count from 0, in UTF-16 units. */

export interface Point {
  readonly line: number;
  readonly character: number;
}

export interface Change {
  readonly start: Point;
  readonly end: Point;
  readonly text: string;
}

/** Where a place is after a change; undefined if the change has taken it away. */
export function moved(place: Point, change: Change): Point | undefined {
  const { start, end, text } = change;
  if (isBefore(place, start)) return place;
  if (isBefore(place, end)) return undefined;
  const lines = text.split(/\r\n|\r|\n/);
  const last = lines.at(-1) ?? "";
  const line = start.line + lines.length - 1;
  if (place.line > end.line) return { line: place.line + line - end.line, character: place.character };
  const column = last.length + (lines.length === 1 ? start.character : 0);
  return { line, character: column + place.character - end.character };
}

const NOTHING: Change = { start: { line: 0, character: 0 }, end: { line: 0, character: 0 }, text: "" };
const EVERYTHING: Change = { ...NOTHING, end: { line: Number.MAX_SAFE_INTEGER, character: 0 } };

/** What has become of a script's text since its first run: places of all its runs, and of replays of them, can follow. */
export class Edits {
  readonly #all: Change[] = [];
  /** By run: how many changes there had been before. */
  readonly #before = new Map<string, number>();
  /** What the text was when it was closed, and which change stands for what happens to it until it is opened again. */
  #closed: { readonly text: string; readonly change: number } | undefined;

  get all(): readonly Change[] {
    return this.#all;
  }

  /** A run of the text as it is now; its replays have the places that it had. */
  begin(run: string, replayOf: string | undefined): void {
    if (!this.#before.has(run)) this.#before.set(run, this.#before.get(replayOf ?? run) ?? this.#all.length);
  }

  /** How many changes were made before a run, or before the one that it replays. */
  before(run: string): number {
    return this.#before.get(run) ?? this.#all.length;
  }

  add(change: Change): void {
    this.#all.push(change);
  }

  /** While it is closed, anybody may change it, and nobody tells. */
  close(text: string): void {
    this.#closed = { text, change: this.#all.push(EVERYTHING) - 1 };
  }

  open(text: string): void {
    if (this.#closed?.text === text) this.#all[this.#closed.change] = NOTHING;
    this.#closed = undefined;
  }
}

function isBefore(one: Point, other: Point): boolean {
  return one.line < other.line || (one.line === other.line && one.character < other.character);
}
