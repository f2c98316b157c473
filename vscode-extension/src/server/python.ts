/** The interpreter that the Python extension has chosen, if it is there. */
import type { PythonExtension } from "@vscode/python-extension";
import * as vscode from "vscode";

/** What we use of it. */
interface Api {
  readonly environments?: Pick<
    PythonExtension["environments"],
    "getActiveEnvironmentPath" | "resolveEnvironment" | "onDidChangeActiveEnvironmentPath"
  >;
}

const ID = "ms-python.python";
/** It may have to look at many environments first; nobody waits for that. */
const PATIENCE = 5_000;

/** Its path; undefined without the extension, without an environment, and in untrusted workspaces. */
export async function activePython(): Promise<string | undefined> {
  return Promise.race([
    activeInterpreter(),
    new Promise<undefined>((resolve) => setTimeout(resolve, PATIENCE, undefined)),
  ]);
}

/** Calls back when the user chooses another environment, when the extension comes or goes, and when trust is given. */
export function onPythonChanged(listener: () => void): vscode.Disposable {
  let isThere = isInstalled();
  let isOver = false;
  let followed: vscode.Disposable | undefined;
  const follow = async (): Promise<void> => {
    const environments = await askedEnvironments();
    followed?.dispose();
    if (!isOver) followed = environments?.onDidChangeActiveEnvironmentPath(listener);
  };
  const again = (): void => {
    listener();
    void follow();
  };
  void follow();
  return vscode.Disposable.from(
    vscode.workspace.onDidGrantWorkspaceTrust(again),
    vscode.extensions.onDidChange(() => {
      if (isThere === isInstalled()) return;
      isThere = !isThere;
      again();
    }),
    new vscode.Disposable(() => {
      isOver = true;
      followed?.dispose();
    }),
  );
}

function isInstalled(): boolean {
  return vscode.extensions.getExtension(ID) !== undefined;
}

async function activeInterpreter(): Promise<string | undefined> {
  const environments = await askedEnvironments();
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const chosen = environments?.getActiveEnvironmentPath(folder);
  return chosen && (await environments?.resolveEnvironment(chosen))?.executable.uri?.fsPath;
}

/** Starts the extension, if it is there. Nothing is asked in untrusted workspaces: the environment may belong to them. */
async function askedEnvironments(): Promise<Api["environments"]> {
  if (!vscode.workspace.isTrusted) return undefined;
  try {
    return (await vscode.extensions.getExtension<Api>(ID)?.activate())?.environments;
  } catch (error) {
    // That something is wrong with another extension is no reason to start no server.
    console.error("Geppetto: the Python extension does not tell its environment.", error);
    return undefined;
  }
}
