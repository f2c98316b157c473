/**
 * Embeddings: vectors for texts, now or later.
 *
 * Everything asked for asynchronously in one turn becomes one call to the host, since providers charge by the request.
 */
import { callHost, cancelCall } from "./calls";
import { argumentError, callerFrames, encodeError, hostError, type HostErrorInfo } from "./errors";
import { callSync, post } from "./port";
import { append, freeze, quote } from "./primordials";
import { deferred, track } from "./promises";

interface Wanted {
  readonly text: string;
  readonly frames: string;
  readonly onVector: (vector: Float32Array) => void;
  readonly onError: (error: Error) => void;
  cancelled: boolean;
  batch: Batch | undefined;
}

/** The texts of one call to the host. */
interface Batch {
  id: number;
  /** How many of them somebody still waits for. */
  wanted: number;
}

let waiting: Wanted[] = [];

/** Sends what was asked for in this turn; called at its end. */
export function sendEmbeddings(): void {
  if (waiting.length === 0) return;
  const asked = waiting;
  waiting = [];
  const batch: Batch = { id: 0, wanted: 0 };
  const members: Wanted[] = [];
  let texts = "";
  for (let i = 0; i < asked.length; i++) {
    const wanted = asked[i]!;
    if (wanted.cancelled) continue;
    texts += (texts === "" ? "" : ",") + quote(wanted.text);
    wanted.batch = batch;
    append(members, wanted);
  }
  batch.wanted = members.length;
  if (members.length === 0) return;
  batch.id = callHost("embed", `[[${texts}]]`, {
    succeed: (value) => settle(members, value as number[][], undefined),
    fail: (info) => settle(members, undefined, info),
  });
}

function settle(members: readonly Wanted[], vectors: number[][] | undefined, info: HostErrorInfo | undefined): void {
  for (let i = 0; i < members.length; i++) {
    const wanted = members[i]!;
    if (wanted.cancelled) continue;
    const vector = vectors?.[i];
    if (vector !== undefined) wanted.onVector(new Float32Array(vector));
    else wanted.onError(hostError(info ?? { message: "the provider returned too few embeddings" }, wanted.frames));
  }
}

function want(text: string, onVector: Wanted["onVector"], onError: Wanted["onError"]): Wanted {
  const wanted: Wanted = { text, frames: callerFrames(), onVector, onError, cancelled: false, batch: undefined };
  append(waiting, wanted);
  return wanted;
}

function cancel(wanted: Wanted): void {
  if (wanted.cancelled) return;
  wanted.cancelled = true;
  const { batch } = wanted;
  if (batch !== undefined && --batch.wanted === 0) cancelCall(batch.id);
}

function checkText(text: unknown): string {
  if (typeof text !== "string") throw argumentError("text", "a string", text);
  return text;
}

/** The global `embeddings`, for the model the host says it uses. */
export function makeEmbeddings(model: EmbeddingModel): Embeddings {
  const { name, dimensions } = model;
  const known = freeze({ name, dimensions });
  return {
    getModel: () => known,
    generateEmbedding(text) {
      const [vector] = callSync("embed", `[[${quote(checkText(text))}]]`) as [number[]];
      return new Float32Array(vector);
    },
    generateEmbeddingAsync(text) {
      const { promise, resolve, reject } = deferred<Float32Array>();
      want(checkText(text), resolve, reject);
      return track(promise);
    },
    generateEmbeddingWithCallbacks(text, callbacks) {
      const { onSuccess, onError } = checkCallbacks(callbacks);
      const wanted = want(
        checkText(text),
        (vector) => guarded("onSuccess", () => onSuccess(vector)),
        (error) => {
          if (onError === undefined) post("uncaught", encodeError(error), '"embedding without onError"');
          else guarded("onError", () => onError(error));
        },
      );
      return () => cancel(wanted);
    },
  };
}

function checkCallbacks(callbacks: EmbeddingCallbacks): EmbeddingCallbacks {
  if (typeof callbacks !== "object" || callbacks === null) {
    throw argumentError("callbacks", "an object with onSuccess and onError", callbacks);
  }
  const { onSuccess, onError } = callbacks;
  if (typeof onSuccess !== "function") throw argumentError("onSuccess", "a function", onSuccess);
  if (onError !== undefined && typeof onError !== "function") throw argumentError("onError", "a function", onError);
  return { onSuccess, onError };
}

function guarded(name: string, run: () => unknown): void {
  try {
    run();
  } catch (error) {
    post("uncaught", encodeError(error), quote(name));
  }
}
