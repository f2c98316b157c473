/** The server that comes with the extension. */
import { access } from "node:fs/promises";
import type * as vscode from "vscode";

export interface ServerCommand {
  readonly command: string;
  /** Without `lsp`. */
  readonly args: readonly string[];
}

/**
 * The bundled server, made ready if it is not; undefined if this extension carries none.
 *
 * @throws if there is one and it cannot be made ready; the message says why, and what to do.
 */
export async function bundledServer(
  context: vscode.ExtensionContext,
  progress: vscode.Progress<{ message?: string }>,
): Promise<ServerCommand | undefined> {
  progress.report({ message: "looking for the bundled server" });
  const path = context.asAbsolutePath(
    process.platform === "win32" ? "server/geppetto.exe" : "server/geppetto",
  );
  try {
    await access(path);
  } catch {
    return undefined;
  }
  return { command: path, args: [] };
}
