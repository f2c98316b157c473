/** When a server that has ended is started again: sooner after a long life, later each time, and not for ever. */
export class Backoff {
  #ends: number[] = [];

  /**
   * @param first milliseconds before the first restart; each further one doubles it.
   * @param most so many restarts within the window, then none.
   * @param window milliseconds.
   */
  constructor(
    private readonly first = 250,
    private readonly most = 5,
    private readonly window = 180_000,
  ) {}

  /** The server has ended: milliseconds to wait, or undefined to leave it be. */
  next(now: number): number | undefined {
    this.#ends = this.#ends.filter((end) => now - end < this.window);
    if (this.#ends.length >= this.most) return undefined;
    this.#ends.push(now);
    return this.first * 2 ** (this.#ends.length - 1);
  }

  /** The user wants it again. */
  reset(): void {
    this.#ends = [];
  }
}
