/** Work that is asked for often and done seldom. */

/** Does the work soon after it is asked for, and never more often than once an interval. */
export class Pace {
  #timer: NodeJS.Timeout | undefined;
  #last = 0;

  /** @param interval milliseconds between the ends of two turns. */
  constructor(
    private readonly interval: number,
    private readonly work: () => void,
  ) {}

  soon(): void {
    if (this.#timer !== undefined) return;
    const pause = Math.max(0, this.#last + this.interval - Date.now());
    this.#timer = setTimeout(() => this.now(), pause);
  }

  /** At once, whether it was asked for or not. */
  now(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.work();
    this.#last = Date.now();
  }

  dispose(): void {
    clearTimeout(this.#timer);
  }
}
