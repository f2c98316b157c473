/** Which file is meant by a name that a run has told: scripts get other names while their runs are kept. */
import { basename } from "node:path";
import type * as vscode from "vscode";

/** What is called so now: a file, by its path or its URI. */
export type Renaming = (name: string) => string;

/**
 * Follows a file, or all that is in a folder.
 *
 * @param relative its path from the workspace's folder: runs name so what a script imports.
 */
export function renaming(
  files: readonly { oldUri: vscode.Uri; newUri: vscode.Uri }[],
  relative: (uri: vscode.Uri) => string,
): Renaming {
  const names = files.flatMap(({ oldUri, newUri }) => [
    [oldUri.toString(), newUri.toString()] as const,
    [oldUri.fsPath, newUri.fsPath] as const,
    [relative(oldUri), relative(newUri)] as const,
  ]);
  return (name) => {
    for (const [from, to] of names) {
      const rest = name.slice(from.length);
      if (isSame(name.slice(0, from.length), from) && /^([\\/]|$)/.test(rest)) return to + rest;
    }
    return name;
  };
}

/** Follows a script without a file to the one that it is saved as. */
export function saving(untitled: vscode.Uri, saved: vscode.Uri): Renaming {
  return (name) => {
    if (name === untitled.toString()) return saved.toString();
    return isScriptFile(name, untitled) ? saved.fsPath : name;
  };
}

/** Whether a file of a run is the script: one without a file is given a name like its own. */
export function isScriptFile(file: string, uri: vscode.Uri): boolean {
  return uri.scheme === "file" ? isSame(file, uri.fsPath) : basename(file).startsWith(basename(uri.path));
}

/** Where file systems do not tell case, drives come as `c:` and as `C:`. */
function isSame(one: string, other: string): boolean {
  return process.platform === "linux" ? one === other : one.toLowerCase() === other.toLowerCase();
}
