/** Reading a stream event by event, with a bounded buffer for the slow. */
import type { Event } from "./events";
import { append, NativePromise } from "./primordials";
import { track } from "./promises";

/** What an iterator has yet to yield. `own` marks an event nobody else holds, which may grow. */
interface Pending {
  event: Event;
  own: boolean;
  next: Pending | undefined;
}

/** One reader's view of a stream. Its promises never reject, so they need no tracking. */
export class StreamIterator implements AsyncIterableIterator<Event, undefined, undefined> {
  readonly #bufferSize: number;
  readonly #onLeave: (iterator: StreamIterator) => void;
  #first: Pending | undefined;
  #last: Pending | undefined;
  #count = 0;
  /** `next()` calls that wait for an event, oldest first. */
  #asking: ((result: IteratorResult<Event, undefined>) => void)[] = [];
  #asked = 0;
  #ended = false;

  constructor(bufferSize: number, onLeave: (iterator: StreamIterator) => void) {
    this.#bufferSize = bufferSize;
    this.#onLeave = onLeave;
  }

  next(): Promise<IteratorResult<Event, undefined>> {
    const pending = this.#first;
    if (pending !== undefined) {
      this.#first = pending.next;
      if (pending.next === undefined) this.#last = undefined;
      this.#count--;
      return new NativePromise((resolve) => resolve({ value: pending.event, done: false }));
    }
    if (this.#ended) return finished();
    return new NativePromise((resolve) => append(this.#asking, resolve));
  }

  return(): Promise<IteratorResult<Event, undefined>> {
    this.#close();
    return finished();
  }

  throw(error?: unknown): Promise<IteratorResult<Event, undefined>> {
    this.#close();
    return track(new NativePromise((_, reject) => reject(error)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  deliver(event: Event): void {
    if (this.#asked < this.#asking.length) {
      const resolve = this.#asking[this.#asked++]!;
      if (this.#asked === this.#asking.length) {
        this.#asking = [];
        this.#asked = 0;
      }
      resolve({ value: event, done: false });
      return;
    }
    const last = this.#last;
    if (this.#count >= this.#bufferSize && event.type === "partial" && last?.event.type === "partial") {
      const { delta, completion, meta } = event;
      if (!last.own) last.event = { ...last.event };
      last.own = true;
      last.event.delta += delta;
      last.event.completion = completion;
      last.event.meta = meta;
      return;
    }
    const pending: Pending = { event, own: false, next: undefined };
    if (last === undefined) this.#first = pending;
    else last.next = pending;
    this.#last = pending;
    this.#count++;
  }

  end(): void {
    this.#ended = true;
    const asking = this.#asking;
    this.#asking = [];
    for (let i = this.#asked; i < asking.length; i++) asking[i]!({ value: undefined, done: true });
    this.#asked = 0;
  }

  #close(): void {
    this.#first = this.#last = undefined;
    this.#count = 0;
    if (this.#ended) return;
    this.end();
    this.#onLeave(this);
  }
}

function finished(): Promise<IteratorResult<Event, undefined>> {
  return new NativePromise((resolve) => resolve({ value: undefined, done: true }));
}
