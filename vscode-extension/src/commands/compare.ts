/** Comparing what two runs have said. */
import * as vscode from "vscode";
import type { Runs } from "../runs/runs";
import type { RunDocuments } from "../views/documents";
import { runIn } from "../views/runsTree";
import { pickRun } from "./pickRun";

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
  if (runs.all.length < 2) {
    void vscode.window.showInformationMessage("Comparing takes two runs: run a script again.");
    return;
  }
  const [first, second] = chosen.size >= 2 ? [...chosen] : [runIn(clicked), undefined];
  const one = first ?? (await pickRun(runs, runs.all, "Compare a run"));
  if (one === undefined) return;
  const others = runs.all.filter((run) => run !== one);
  const same = others.filter((run) => run.origin.uri === one.origin.uri);
  const other =
    second ??
    (await pickRun(runs, [...same, ...others.filter((run) => !same.includes(run))], "Compare with"));
  if (other !== undefined) await documents.compare(one, other);
}
