/** Settings as they are read, whatever stands in settings.json: nobody checks it before. */

/** As far as it is needed, what VS Code tells of settings. */
interface Settings {
  get(key: string): unknown;
  inspect(key: string): { readonly defaultValue?: unknown } | undefined;
}

/** Those of the settings that are not what they are by default, with their values. */
export function different(keys: readonly string[], settings: Settings): [key: string, value: unknown][] {
  return keys
    .map((key): [string, unknown] => [key, settings.get(key)])
    .filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(settings.inspect(key)?.defaultValue));
}

/** A number, brought within its bounds; the default if it is none. */
export function numberIn(value: unknown, least: number, most: number, otherwise: number): number {
  if (typeof value !== "number" || Number.isNaN(value)) return otherwise;
  return Math.min(most, Math.max(least, value));
}

/** A list of texts; the default if it is none, or if anything in it is no text. */
export function textsIn(value: unknown, otherwise: readonly string[]): readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string") ? value : otherwise;
}

/** A text, without spaces around it; empty if it is none. */
export function textIn(value: unknown): string {
  return typeof value === "string" ? value.trim() : "";
}
