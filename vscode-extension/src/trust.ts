/** Scripts run in trusted workspaces only: they can spend money, with the user's keys. */
import * as vscode from "vscode";

const MANAGE = "Manage Workspace Trust";

/** Whether scripts may be run here; tells the user why not. */
export async function mayRun(): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  const chosen = await vscode.window.showWarningMessage(
    "Scripts do not run in Restricted Mode: they send what they say to models, with your keys and at your cost. " +
      "Trust this workspace to run them. Completion, hovers and diagnostics work as they are.",
    MANAGE,
  );
  if (chosen === MANAGE) await vscode.commands.executeCommand("workbench.trust.manage");
  return vscode.workspace.isTrusted;
}
