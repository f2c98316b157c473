/**
 * Pieces that most scripts do not need, loaded when first used.
 *
 * Each is bundled on its own and carried as a string: V8 skips over a string far quicker than over code, and start-up
 * time is a feature.
 */
import inspectSource from "lazy:inspect";
import { hide } from "./errors";
import { defineProperty } from "./primordials";

export type Inspect = Pick<typeof import("node-inspect-extracted"), "inspect" | "formatWithOptions">;

const evaluate = globalThis.eval;

function lazily<Piece>(source: string): () => Piece {
  let piece: Piece | undefined;
  return () => (piece ??= evaluate(source) as Piece);
}

export const loadInspect = lazily<Inspect>(inspectSource);

/** A global that is made when it is first read; assigning to it replaces it, as with any other. */
export function lazyGlobal(name: string, load: () => unknown): void {
  defineProperty(globalThis, name, {
    configurable: true,
    enumerable: false,
    get() {
      const value = load();
      hide(globalThis, name, value);
      return value;
    },
    set(value: unknown) {
      hide(globalThis, name, value);
    },
  });
}
