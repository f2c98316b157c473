/** `AbortController` and `AbortSignal`, over the event targets of event-target-shim. */
import { argumentError, encodeError, hide } from "./errors";
import { loadEvents, loadWeb } from "./lazy";
import { post } from "./port";
import { backgroundTimeout } from "./timers";

type AbortClasses = {
  AbortController: typeof AbortController;
  AbortSignal: typeof AbortSignal;
  Event: typeof Event;
  EventTarget: typeof EventTarget;
};

let classes: AbortClasses | undefined;

/** The four classes, made when one of them is first used. */
export function abortClasses(): AbortClasses {
  return (classes ??= makeClasses());
}

function abortError(): DOMException {
  return new (loadWeb().DOMException)("This operation was aborted", "AbortError");
}

function makeClasses(): AbortClasses {
  const events = loadEvents();
  const { Event } = events;
  // A listener that throws is reported like any other throw nobody catches; the other listeners still run.
  events.setErrorHandler((error) => post("uncaught", encodeError(error), '"event listener"'));
  events.setWarningHandler(() => undefined);

  /** Only the classes below may make signals. */
  const permit = Symbol();

  class Signal extends events.EventTarget {
    #aborted = false;
    #reason: unknown = undefined;
    #onabort: ((event: unknown) => void) | null = null;

    constructor(given?: unknown) {
      if (given !== permit) throw new TypeError("Illegal constructor: use AbortController, or AbortSignal's functions");
      super();
    }

    static abort(reason: unknown = abortError()): Signal {
      const signal = new Signal(permit);
      signal.#abort(reason);
      return signal;
    }

    static timeout(delay: unknown): Signal {
      if (typeof delay !== "number" || !(delay >= 0)) throw argumentError("delay", "a number of milliseconds", delay);
      const signal = new Signal(permit);
      backgroundTimeout(() => {
        signal.#abort(
          new (loadWeb().DOMException)("The operation was aborted due to timeout", "TimeoutError"),
        );
      }, delay);
      return signal;
    }

    static any(signals: Iterable<unknown>): Signal {
      const sources: Signal[] = [];
      for (const source of signals) {
        if (!(source instanceof Signal)) throw argumentError("signals", "an iterable of AbortSignals", source);
        sources.push(source);
      }
      const signal = new Signal(permit);
      const aborted = sources.find((source) => source.#aborted);
      if (aborted !== undefined) {
        signal.#abort(aborted.#reason);
        return signal;
      }
      const forget = (): void => {
        for (const { source, follow } of followed) source.removeEventListener("abort", follow);
      };
      const followed = sources.map((source) => {
        const follow = (): void => {
          forget();
          signal.#abort(source.#reason);
        };
        source.addEventListener("abort", follow);
        return { source, follow };
      });
      return signal;
    }

    static make(): Signal {
      return new Signal(permit);
    }

    static trigger(signal: Signal, reason: unknown): void {
      signal.#abort(reason);
    }

    get aborted(): boolean {
      return this.#aborted;
    }

    get reason(): unknown {
      return this.#reason;
    }

    get onabort(): ((event: unknown) => void) | null {
      return this.#onabort;
    }

    set onabort(handler: ((event: unknown) => void) | null) {
      if (this.#onabort !== null) this.removeEventListener("abort", this.#onabort);
      this.#onabort = typeof handler === "function" ? handler : null;
      if (this.#onabort !== null) this.addEventListener("abort", this.#onabort);
    }

    throwIfAborted(): void {
      if (this.#aborted) throw this.#reason;
    }

    #abort(reason: unknown): void {
      if (this.#aborted) return;
      this.#aborted = true;
      this.#reason = reason;
      this.dispatchEvent(new Event("abort"));
    }
  }

  const { make, trigger } = Signal;
  for (const helper of ["make", "trigger"] as const) delete (Signal as Partial<typeof Signal>)[helper];

  class Controller {
    readonly #signal = make();

    get signal(): Signal {
      return this.#signal;
    }

    abort(reason: unknown = abortError()): void {
      trigger(this.#signal, reason);
    }
  }

  hide(Signal, "name", "AbortSignal");
  hide(Controller, "name", "AbortController");
  hideTag(Signal.prototype, "AbortSignal");
  hideTag(Controller.prototype, "AbortController");
  return {
    AbortController: Controller,
    AbortSignal: Signal,
    Event,
    EventTarget: events.EventTarget,
  } as unknown as AbortClasses;
}

function hideTag(prototype: object, tag: string): void {
  hide(prototype, Symbol.toStringTag, tag);
}
