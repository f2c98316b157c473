/** Files that the user's own patterns make scripts get the language of scripts, so that no other extension serves them. */
import * as vscode from "vscode";
import { isNamed, isScript, JAVASCRIPT, TYPESCRIPT } from "./languages";
import { textsIn } from "./settings";

export function followPatterns(): vscode.Disposable {
  const look = (document: vscode.TextDocument): void => {
    const name = document.uri.path.split("/").at(-1) ?? "";
    const settings = vscode.workspace.getConfiguration("geppetto", document);
    // Files of the default patterns are scripts anyway.
    const patterns = textsIn(settings.get("filePatterns"), []);
    if (document.uri.scheme !== "file" || isScript(document) || !isNamed(name, patterns)) return;
    const language = /\.[cm]?ts$/i.test(name) ? TYPESCRIPT : JAVASCRIPT;
    void vscode.languages.setTextDocumentLanguage(document, language);
  };
  vscode.workspace.textDocuments.forEach(look);
  return vscode.Disposable.from(
    vscode.workspace.onDidOpenTextDocument(look),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("geppetto.filePatterns")) vscode.workspace.textDocuments.forEach(look);
    }),
  );
}
