/** Asking for the params of a script: what a typed text stands for, and what is wrong with it. */
import type { DeclaredParam, JsonValue } from "../protocol.gen";

/** What a declared param should be that a text is not; undefined if it is. An empty text means that it is left out. */
export function problemWith(param: DeclaredParam, text: string): string | undefined {
  const given = text.trim();
  if (given === "") return param.required && param.type !== "string" ? "given" : undefined;
  switch (param.type) {
    case "number":
      return Number.isFinite(Number(given)) ? undefined : "a number";
    case "integer":
      return /^[+-]?\d+$/.test(given) ? undefined : "a whole number";
    case "boolean":
      return /^(true|false|yes|no|on|off|1|0)$/i.test(given) ? undefined : "yes or no";
    case "array":
      return Array.isArray(parsed(given)) ? undefined : "a list as JSON, such as [1, 2]";
    case "object": {
      const value = parsed(given);
      const fits = typeof value === "object" && value !== null && !Array.isArray(value);
      return fits ? undefined : 'an object as JSON, such as {"a": 1}';
    }
    default:
      return undefined;
  }
}

/** What goes to the server for a typed text; undefined to leave the param out. It reads texts as the declared type. */
export function valueFor(param: DeclaredParam, text: string): JsonValue | undefined {
  if (param.type === "string") return text === "" && !param.required ? undefined : text;
  return text.trim() === "" ? undefined : text.trim();
}

/** The text that stands in the box at first. */
export function textOf(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * Params of a script that declares none, typed as `name=text name:=json`, or as one JSON object.
 *
 * @throws Error saying what is wrong.
 */
export function parseFree(line: string): { [name: string]: JsonValue } {
  const text = line.trim();
  if (text === "") return {};
  if (text.startsWith("{")) {
    const value = parsed(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
    throw new Error("That is no JSON object.");
  }
  const found: { [name: string]: JsonValue } = {};
  for (const [word] of text.matchAll(/(?:[^\s"']|"(?:[^"\\]|\\.)*"|'[^']*')+/g)) {
    const parts = /^([\w$-]+)(:?=)([\s\S]*)$/.exec(word);
    if (parts === null) throw new Error(`${word} should be name=text or name:=json`);
    const [, name = "", sign, given = ""] = parts;
    const value = sign === "=" ? unquoted(given) : parsed(given);
    if (value === undefined) throw new Error(`${name}: ${given} is no JSON`);
    found[name] = value;
  }
  return found;
}

function unquoted(text: string): string {
  if (/^"[\s\S]*"$/.test(text)) {
    const value = parsed(text);
    return typeof value === "string" ? value : text.slice(1, -1);
  }
  return /^'[\s\S]*'$/.test(text) ? text.slice(1, -1) : text;
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
