/** Asking for the params of a script: what a typed text stands for, and what is wrong with it. */
import type { DeclaredParam, JsonValue } from "../protocol.gen";

type Kind = DeclaredParam["type"];

const FORMS: { readonly [kind in Kind]?: string } = {
  number: "a number",
  integer: "a whole number",
  boolean: "yes or no",
  object: 'an object as JSON, such as {"a": 1}',
};

/** What a declared param should be that a text is not; undefined if it is. An empty text means that it is left out. */
export function problemWith(param: DeclaredParam, text: string): string | undefined {
  if (text.trim() === "") return param.required && param.type !== "string" ? "given" : undefined;
  if (read(param.type, param.label, text) !== undefined) return undefined;
  return FORMS[param.type] ?? `a list (${param.label}) as JSON`;
}

/** What goes to the server for a typed text, and so to the script; undefined to leave the param out. */
export function valueFor(param: DeclaredParam, text: string): JsonValue | undefined {
  if (param.type === "string") return text === "" && !param.required ? undefined : text;
  const given = text.trim();
  return given === "" ? undefined : (read(param.type, param.label, given) ?? given);
}

/**
 * A value as a type; undefined if it is of another. What the server would refuse is not taken.
 *
 * @param label the type as the script writes it: it tells what the items of a list are.
 */
function read(kind: Kind, label: string, value: JsonValue): JsonValue | undefined {
  switch (kind) {
    case "any":
      return value;
    case "string":
      return typeof value === "string" ? value : undefined;
    case "number":
      return readNumber(value);
    case "integer": {
      const number = readNumber(value);
      return Number.isInteger(number) ? number : undefined;
    }
    case "boolean":
      if (typeof value !== "string") return typeof value === "boolean" ? value : undefined;
      if (/^(true|yes|on|1)$/i.test(value.trim())) return true;
      return /^(false|no|off|0)$/i.test(value.trim()) ? false : undefined;
    case "array": {
      const list = typeof value === "string" ? parsed(value) : value;
      if (!Array.isArray(list)) return undefined;
      const type = typeOfItems(label);
      const items = list.map((item) => read(kindOf(type), type, item));
      return items.every((item) => item !== undefined) ? items : undefined;
    }
    case "object": {
      const found = typeof value === "string" ? parsed(value) : value;
      return typeof found === "object" && found !== null && !Array.isArray(found) ? found : undefined;
    }
  }
}

/** Numbers are decimal: `0x10`, which JavaScript would take too, is none. */
function readNumber(value: JsonValue): number | undefined {
  const isText = typeof value === "string" && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value.trim());
  const number = isText ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}

function typeOfItems(label: string): string {
  const items = /^(.*)\[\]$/s.exec(label)?.[1] ?? /^(?:Readonly)?Array\s*<(.*)>$/s.exec(label)?.[1] ?? "any";
  return items.trim();
}

/** What is not understood may be anything here; the server looks at it again. */
function kindOf(type: string): Kind {
  if (/\[\]$|^(?:Readonly)?Array\s*</.test(type)) return "array";
  const simple: readonly Kind[] = ["string", "number", "integer", "boolean", "object"];
  return simple.find((kind) => kind === type) ?? "any";
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
