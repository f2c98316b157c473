/** Going to the source of what a run has told. */
import { basename, isAbsolute } from "node:path";
import * as vscode from "vscode";
import type { SourcePlace } from "../protocol.gen";
import type { Point } from "../runs/drift";
import type { Run } from "../runs/model";
import { isScriptFile } from "../runs/renaming";

/** @param now where it is after edits, if that is known; counted from 0. */
export async function openPlace(run: Run | undefined, place: SourcePlace, now?: Point): Promise<void> {
  const uri = uriOf(run, place.file);
  if (!(await isThere(uri))) {
    void vscode.window.showInformationMessage(`${basename(uri.path)} is not there any more.`);
    return;
  }
  const { line, character } = now ?? { line: place.line - 1, character: place.column - 1 };
  const at = new vscode.Position(Math.max(line, 0), Math.max(character, 0));
  await vscode.window.showTextDocument(uri, { selection: new vscode.Range(at, at) });
}

/**
 * A script may have no file, or be in the editor under a name that is not quite the file's. What it imports is named from
 * the workspace's folder, or from the script's if that is in none.
 */
function uriOf(run: Run | undefined, file: string): vscode.Uri {
  if (run?.origin.uri === undefined) return vscode.Uri.file(file);
  const script = vscode.Uri.parse(run.origin.uri);
  if (isScriptFile(file, script)) return script;
  if (isAbsolute(file)) return vscode.Uri.file(file);
  const { workspaceFolders, getWorkspaceFolder } = vscode.workspace;
  const folder = script.scheme === "untitled" ? workspaceFolders?.[0] : getWorkspaceFolder(script);
  return vscode.Uri.joinPath(folder?.uri ?? vscode.Uri.joinPath(script, ".."), file);
}

/** Asked before: VS Code would make an untitled script anew, and show an error of its own for a file. */
async function isThere(uri: vscode.Uri): Promise<boolean> {
  const wanted = uri.toString();
  if (vscode.workspace.textDocuments.some((document) => document.uri.toString() === wanted)) return true;
  if (uri.scheme === "untitled") return false;
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}
