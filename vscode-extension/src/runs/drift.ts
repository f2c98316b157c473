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

function isBefore(one: Point, other: Point): boolean {
  return one.line < other.line || (one.line === other.line && one.character < other.character);
}
