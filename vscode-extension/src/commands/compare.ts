/** Comparing what two runs have said. */
import * as vscode from "vscode";
import type { Run } from "../runs/model";
import type { Runs } from "../runs/runs";
import { summary } from "../runs/words";
import { nameOf } from "../views/channels";
import type { RunDocuments } from "../views/documents";
import { runIn } from "../views/runsTree";

/** The two that are selected; one is compared to another that is chosen, of the same script before all others. */
export async function compareRuns(
  runs: Runs,
  documents: RunDocuments,
  clicked: unknown,
  selected: unknown,
): Promise<void> {
  const chosen = new Set(
    Array.isArray(selected) ? selected.map(runIn).filter((run) => run !== undefined) : [],
  );
  const [first, second] = chosen.size >= 2 ? [...chosen] : [runIn(clicked), undefined];
  const one = first ?? (await pick(runs.all, "Compare a run"));
  if (one === undefined) return;
  const others = runs.all.filter((run) => run !== one);
  const same = others.filter((run) => run.origin.uri === one.origin.uri);
  const other =
    second ?? (await pick([...same, ...others.filter((run) => !same.includes(run))], "Compare with"));
  if (other !== undefined) await documents.compare(one, other);
}

async function pick(runs: readonly Run[], title: string): Promise<Run | undefined> {
  if (runs.length === 0) {
    void vscode.window.showInformationMessage("Comparing takes two runs: run a script again.");
    return undefined;
  }
  const items = runs.map((run) => ({
    label: nameOf(run),
    description: `${new Date(run.began).toLocaleTimeString()} · ${summary(run, Date.now())}`,
    run,
  }));
  return (await vscode.window.showQuickPick(items, { title: `Geppetto: ${title}`, matchOnDescription: true }))
    ?.run;
}
