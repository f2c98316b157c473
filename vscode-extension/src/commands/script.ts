/** Which script a command is about. */
import * as vscode from "vscode";
import { isScript } from "../languages";

/** The script that was clicked on, or that is being edited; undefined after telling the user that there is none. */
export async function chosenScript(argument: unknown): Promise<vscode.Uri | undefined> {
  if (argument instanceof vscode.Uri) return argument;
  if (typeof argument === "string") return vscode.Uri.parse(argument);
  const editor = vscode.window.activeTextEditor;
  if (editor !== undefined && isScript(editor.document)) return editor.document.uri;
  const found = await vscode.workspace.findFiles("**/*.geppetto.{js,ts}", "**/node_modules/**", 200);
  if (found.length === 0) {
    void vscode.window.showInformationMessage(
      "There is no Geppetto script here. Scripts are named *.geppetto.js or *.geppetto.ts.",
    );
    return undefined;
  }
  if (found.length === 1) return found[0];
  const items = found
    .map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri }))
    .sort((one, other) => one.label.localeCompare(other.label));
  return (await vscode.window.showQuickPick(items, { placeHolder: "Script", title: "Geppetto" }))?.uri;
}
