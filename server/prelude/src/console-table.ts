/** `console.table`: rows and columns in box-drawing characters, as Node draws them. */

const INDEX = "(index)";
const ITERATION = "(iteration index)";
const KEY = "Key";
const VALUES = "Values";

type Show = (value: unknown) => string;

/** Draws a collection of rows; `columns` chooses and orders the properties shown. */
export function renderTable(data: object, columns: readonly string[] | undefined, show: Show): string {
  if (data instanceof Map) return drawMap(data, show);
  if (data instanceof Set) return drawSet(data, show);
  const indices = Object.keys(data);
  const cells = new Map<string, string[]>((columns ?? []).map((name) => [name, []]));
  const values: string[] = [];
  indices.forEach((index, row) => {
    const item = (data as Record<string, unknown>)[index];
    if (typeof item !== "object" || item === null) {
      values[row] = show(item);
      return;
    }
    for (const name of columns ?? Object.keys(item)) {
      if (!Object.hasOwn(item, name)) continue;
      let column = cells.get(name);
      if (column === undefined) cells.set(name, (column = []));
      column[row] = show((item as Record<string, unknown>)[name]);
    }
  });
  const drawn: [string, string[]][] = [[INDEX, indices], ...cells];
  if (values.length > 0) drawn.push([VALUES, values]);
  return draw(drawn, indices.length);
}

function drawMap(data: ReadonlyMap<unknown, unknown>, show: Show): string {
  const keys = [...data.keys()].map(show);
  const drawn: [string, string[]][] = [
    [ITERATION, keys.map((_, row) => `${row}`)],
    [KEY, keys],
    [VALUES, [...data.values()].map(show)],
  ];
  return draw(drawn, keys.length);
}

function drawSet(data: ReadonlySet<unknown>, show: Show): string {
  const values = [...data].map(show);
  return draw([[ITERATION, values.map((_, row) => `${row}`)], [VALUES, values]], values.length);
}

function draw(columns: readonly [string, readonly string[]][], rows: number): string {
  const widths = columns.map(([head, cells]) => {
    let width = displayWidth(head);
    for (let row = 0; row < rows; row++) width = Math.max(width, displayWidth(cells[row] ?? ""));
    return width + 2;
  });
  const line = (cells: readonly string[]): string =>
    `│${cells.map((cell, i) => ` ${cell}${" ".repeat(widths[i]! - displayWidth(cell) - 1)}`).join("│")}│\n`;
  const rule = widths.map((width) => "─".repeat(width));
  let text = `┌${rule.join("┬")}┐\n${line(columns.map(([head]) => head))}├${rule.join("┼")}┤\n`;
  for (let row = 0; row < rows; row++) text += line(columns.map(([, cells]) => cells[row] ?? ""));
  return `${text}└${rule.join("┴")}┘`;
}

/** Terminal columns a text takes: wide (CJK, emoji) characters count twice, combining marks and colours not at all. */
function displayWidth(text: string): number {
  let width = 0;
  for (const char of text.replace(/\x1b\[[0-9;]*m/g, "")) {
    if (/\p{Mark}/u.test(char)) continue;
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(char)
      ? 2
      : 1;
  }
  return width;
}
