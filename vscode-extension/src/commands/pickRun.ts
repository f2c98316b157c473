/** Choosing one of several runs. */
import * as vscode from "vscode";
import type { Run } from "../runs/model";
import type { Runs } from "../runs/runs";
import { circumstances, summary } from "../runs/words";

/** @returns undefined if the user does not want to choose. */
export async function pickRun(runs: Runs, offered: readonly Run[], title: string): Promise<Run | undefined> {
  const items = offered.map((run) => ({
    label: runs.nameOf(run),
    description: `${new Date(run.began).toLocaleTimeString()} · ${summary(run, Date.now())}`,
    detail: circumstances(run).join(" · "),
    run,
  }));
  const options = { title: `Geppetto: ${title}`, matchOnDescription: true, matchOnDetail: true };
  return (await vscode.window.showQuickPick(items, options))?.run;
}
