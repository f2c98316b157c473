/**
 * Pieces that most scripts do not need, loaded when first used.
 *
 * Each is bundled on its own and carried in the comment of a function: V8 skips over a comment far quicker than over
 * code, or even a string, and start-up time is a feature.
 */
import encodingPiece from "lazy:encoding";
import eventsPiece from "lazy:events";
import inspectPiece from "lazy:inspect";
import urlPiece from "lazy:url";
import webPiece from "lazy:web";
import { hide } from "./errors";
import { append, defineProperty, functionToString, getOwnPropertyDescriptor, stringReplaceAll, stringSlice } from "./primordials";

export type Inspect = Pick<typeof import("node-inspect-extracted"), "inspect" | "formatWithOptions">;

const evaluate = globalThis.eval;

/** What stands around a piece in the source of its function, and for a comment's end within it. */
const OPENING = "function(){/*";
const CLOSING = "*/}";
const COMMENT_END = "*~/";

function lazily<Piece>(carrier: () => void): () => Piece {
  let piece: Piece | undefined;
  return () => (piece ??= load<Piece>(unpack(functionToString(carrier))));
}

function load<Piece>(source: string): Piece {
  const { prototype } = Function;
  const before = getOwnPropertyDescriptor(prototype, "toString")!;
  try {
    return evaluate(source) as Piece;
  } finally {
    // core-js replaces it, to pass its functions off as built in, and leaves what its copies share.
    defineProperty(prototype, "toString", before);
    delete (globalThis as { "__core-js_shared__"?: unknown })["__core-js_shared__"];
  }
}

function unpack(source: string): string {
  return stringReplaceAll(stringSlice(source, OPENING.length, -CLOSING.length), COMMENT_END, "*/");
}

export const loadEncoding = lazily<typeof import("./lazy-pieces/encoding")>(encodingPiece);
export const loadEvents = lazily<typeof import("./lazy-pieces/events")>(eventsPiece);
export const loadInspect = lazily<Inspect>(inspectPiece);
const loadWebPiece = lazily<typeof import("./lazy-pieces/web")>(webPiece);
export const loadWeb = (): ReturnType<typeof loadWebPiece>["web"] => loadWebPiece().web;
const loadUrlPiece = lazily<typeof import("./lazy-pieces/url")>(urlPiece);
export const loadUrls = (): ReturnType<typeof loadUrlPiece>["urls"] => loadUrlPiece().urls;

/**
 * Globals that are made when one of them is first read; assigning to one replaces it, as with any other.
 *
 * They are out of the way while they load: a polyfill asks what the platform has already.
 */
export function lazyGlobals<Name extends string>(
  names: readonly Name[],
  load: () => Readonly<Record<Name, unknown>>,
): void {
  /** What a script has put in the place of one of them. */
  const replaced: { name: Name; value: unknown }[] = [];
  const keep = ({ name, value }: { name: Name; value: unknown }): void => hide(globalThis, name, value);
  for (const name of names) {
    defineProperty(globalThis, name, {
      configurable: true,
      enumerable: false,
      get() {
        for (let i = 0; i < names.length; i++) hide(globalThis, names[i]!, undefined);
        const values = load();
        for (let i = 0; i < names.length; i++) hide(globalThis, names[i]!, values[names[i]!]);
        for (let i = 0; i < replaced.length; i++) keep(replaced[i]!);
        return values[name];
      },
      set(value: unknown) {
        append(replaced, { name, value });
        keep({ name, value });
      },
    });
  }
}
