/** The interpreter that the Python extension has chosen, if it is there. */
import * as vscode from "vscode";

interface PythonExtension {
  readonly environments?: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { readonly path: string };
    resolveEnvironment(path: {
      readonly path: string;
    }): Promise<{ readonly executable: { readonly uri: vscode.Uri | undefined } } | undefined>;
    readonly onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
  };
}

const ID = "ms-python.python";
/** It may have to look at many environments first; nobody waits for that. */
const PATIENCE = 5_000;

/** Its path; undefined without the extension, without an environment, and in untrusted workspaces. */
export async function activePython(): Promise<string | undefined> {
  if (!vscode.workspace.isTrusted) return undefined; // The environment may belong to the workspace.
  return Promise.race([
    activeInterpreter(),
    new Promise<undefined>((resolve) => setTimeout(resolve, PATIENCE, undefined)),
  ]);
}

/** Calls back when the user chooses another environment. */
export function onPythonChanged(listener: () => void): vscode.Disposable {
  const extension = vscode.extensions.getExtension<PythonExtension>(ID);
  const event = extension?.isActive
    ? extension.exports?.environments?.onDidChangeActiveEnvironmentPath
    : undefined;
  return event?.(listener) ?? new vscode.Disposable(() => undefined);
}

async function activeInterpreter(): Promise<string | undefined> {
  const extension = vscode.extensions.getExtension<PythonExtension>(ID);
  if (extension === undefined) return undefined;
  const { environments } = await extension.activate();
  if (environments === undefined) return undefined;
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const resolved = await environments.resolveEnvironment(environments.getActiveEnvironmentPath(folder));
  return resolved?.executable.uri?.fsPath;
}
