/** A first script, for the walkthrough and the welcome of the Runs view. */
import * as vscode from "vscode";
import { JAVASCRIPT } from "../languages";

const NAME = "hello.geppetto.js";
const TEXT = `// A first script. Run it: the triangle above at the right, or "Run" above this line.
// Without any settings the model is an echo: it needs no key, and says what you say.

const stream = chatStep.startStream("Hello! Every word arrives by itself, and you see it where it was asked for.");
const text = await stream.finalText();
console.log("characters:", text.length);
`;

/** Opens it unsaved; as a file of the workspace's first folder if there is one. */
export async function newScript(): Promise<void> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  if (folder === undefined || folder.scheme !== "file") {
    const document = await vscode.workspace.openTextDocument({ language: JAVASCRIPT, content: TEXT });
    await vscode.window.showTextDocument(document);
    return;
  }
  const uri = vscode.Uri.joinPath(folder, NAME);
  try {
    await vscode.workspace.fs.stat(uri);
    await vscode.window.showTextDocument(uri);
    return;
  } catch {
    // There is none yet.
  }
  const edit = new vscode.WorkspaceEdit();
  edit.createFile(uri, { contents: new TextEncoder().encode(TEXT) });
  await vscode.workspace.applyEdit(edit);
  await vscode.window.showTextDocument(uri);
}
