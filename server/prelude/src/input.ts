/** What a script hands to the host, as JSON text. */
import { Conversation } from "./conversation";
import { argumentError } from "./errors";
import { isFiniteNumber, jsonStringify } from "./primordials";

/** The JSON text of a value; a `TypeError` names the argument if there is none. */
export function encodeJson(name: string, value: unknown): string {
  if (typeof value === "number" && !isFiniteNumber(value)) throw argumentError(name, "a finite number", value);
  let json: string | undefined;
  try {
    json = jsonStringify(value) as string | undefined;
  } catch (cause) {
    throw new TypeError(`argument '${name}' cannot be written as JSON`, { cause });
  }
  if (json === undefined) throw argumentError(name, "a value that can be written as JSON", value);
  return json;
}

/** The JSON text of a step's input; a conversation goes as its snapshot, nothing as `null`. */
export function encodeInput(input: unknown): string {
  if (input === undefined) return "null";
  return encodeJson("input", input instanceof Conversation ? input.toConversation() : input);
}
