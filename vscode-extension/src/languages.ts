/** The language ids of scripts. */
import type * as vscode from "vscode";

export const JAVASCRIPT = "geppetto-javascript";
export const TYPESCRIPT = "geppetto-typescript";
/** Where scripts may be for the server to serve them. */
export const SELECTOR = [JAVASCRIPT, TYPESCRIPT].flatMap((language) =>
  ["file", "untitled"].map((scheme) => ({ scheme, language })),
);

export function isScript(document: vscode.TextDocument): boolean {
  return document.languageId === JAVASCRIPT || document.languageId === TYPESCRIPT;
}

/** Whether a file's name is one of the patterns, with `*` and `?`. */
export function isNamed(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split(/([*?])/).map((part) => {
      if (part === "*") return "[^/\\\\]*";
      if (part === "?") return "[^/\\\\]";
      return part.replace(/[.+^${}()|[\]\\]/g, "\\$&");
    });
    return new RegExp(`^${parts.join("")}$`, "i").test(name);
  });
}
