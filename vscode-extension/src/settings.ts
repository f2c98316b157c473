/** What settings are read as, whatever stands in settings.json: nobody checks it before. */

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
