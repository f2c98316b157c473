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
  const { start, end } = change;
  if (isBefore(place, start)) return place;
  if (isBefore(place, end)) return undefined;
  const after = endOf(change);
  const line = place.line + after.line - end.line;
  if (place.line > end.line) return { line, character: place.character };
  return { line, character: place.character + after.character - end.character };
}

/** Where the text ends that a change has put in. */
function endOf({ start, text }: Change): Point {
  const lines = text.split(/\r\n|\r|\n/);
  const last = lines.at(-1) ?? "";
  const character = last.length + (lines.length === 1 ? start.character : 0);
  return { line: start.line + lines.length - 1, character };
}

const NOTHING: Change = { start: { line: 0, character: 0 }, end: { line: 0, character: 0 }, text: "" };
const EVERYTHING: Change = { ...NOTHING, end: { line: Number.MAX_SAFE_INTEGER, character: 0 } };

/** What has become of a script's text since its first run: places of all its runs, and of replays of them, can follow. */
export class Edits {
  /** How many changes are not in `all` any more. */
  undone = 0;
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

  /** Whether a run has begun with this text. */
  knows(run: string): boolean {
    return this.#before.has(run);
  }

  /** Where a place is now that a run has told; undefined if it is gone. */
  now(run: string, place: Point): Point | undefined {
    let now: Point | undefined = place;
    const before = this.#before.get(run) ?? this.#all.length;
    for (const change of this.#all.slice(before)) now = now && moved(now, change);
    return now;
  }

  add(change: Change): void {
    this.#all.push(change);
  }

  /** As if the last change had not been, if this is what undoes it: what it has taken away is there again. */
  undo(change: Change): void {
    const last = this.#all.at(-1);
    const isKnown = [...this.#before.values()].includes(this.#all.length); // to runs that have begun since
    if (last === undefined || isKnown || !isInverse(change, last)) this.#all.push(change);
    else {
      this.#all.pop();
      this.undone++;
    }
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

function isInverse(one: Change, other: Change): boolean {
  return isSame(one.start, other.start) && isSame(one.end, endOf(other)) && isSame(endOf(one), other.end);
}

function isSame(one: Point, other: Point): boolean {
  return one.line === other.line && one.character === other.character;
}

function isBefore(one: Point, other: Point): boolean {
  return one.line < other.line || (one.line === other.line && one.character < other.character);
}
