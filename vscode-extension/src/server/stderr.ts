/** The last lines of what a process writes to its standard error. */
export class Tail {
  #lines: string[] = [];
  #open = "";

  constructor(
    private readonly most = 30,
    private readonly width = 500,
  ) {}

  /** Takes a piece; returns the lines that are whole now. */
  take(piece: string): string[] {
    const lines = (this.#open + piece).split(/\r?\n/);
    this.#open = (lines.pop() ?? "").slice(-this.width * 20);
    const cut = lines.map((line) => (line.length > this.width ? `${line.slice(0, this.width)}…` : line));
    this.#lines.push(...cut);
    this.#lines.splice(0, this.#lines.length - this.most);
    return cut;
  }

  get text(): string {
    return [...this.#lines, this.#open].join("\n").trim();
  }

  /** The last lines that say something, for a message: an exception's own line is at the end. */
  last(count: number): string {
    return this.text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .slice(-count)
      .join("\n");
  }
}
