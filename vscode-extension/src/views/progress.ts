/** Long runs get a notification that tells how far they are, and cancels them. */
import * as vscode from "vscode";
import { isGoingOn, type Run } from "../runs/model";
import type { Runs } from "../runs/runs";
import { oneLine, seconds, tokensSoFar, waiting } from "../runs/words";
import { numberIn } from "../settings";

const INTERVAL = 500;
const TEXT = 60;
/** Seconds, as long as a timer can be set to. */
const MOST_PATIENCE = 2 ** 31 / 1000 - 1;

export class LongRuns implements vscode.Disposable {
  readonly #known = new WeakSet<Run>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #subscription: vscode.Disposable;

  constructor(private readonly runs: Runs) {
    this.#subscription = runs.onDidChangeList(() => this.#look());
  }

  dispose(): void {
    this.#subscription.dispose();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #look(): void {
    const settings = vscode.workspace.getConfiguration("geppetto.run");
    const patience = numberIn(settings.get("notifyAfter"), 0, MOST_PATIENCE, 5);
    if (patience === 0) return;
    for (const run of this.runs.goingOn) {
      if (this.#known.has(run)) continue;
      this.#known.add(run);
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        if (isGoingOn(run)) void this.#show(run);
      }, patience * 1000);
      this.#timers.add(timer);
    }
  }

  async #show(run: Run): Promise<void> {
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: this.runs.nameOf(run),
      cancellable: true,
    };
    await vscode.window.withProgress(options, async (progress, token) => {
      token.onCancellationRequested(() => void this.runs.cancel(run));
      while (isGoingOn(run) && !token.isCancellationRequested) {
        progress.report({ message: message(run, Date.now()) });
        await this.#pauseOrEnd(run);
      }
    });
  }

  async #pauseOrEnd(run: Run): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#timers.delete(timer);
        subscription.dispose();
        resolve();
      };
      const timer = setTimeout(done, INTERVAL);
      this.#timers.add(timer);
      const subscription = this.runs.onDidChangeList(() => {
        if (!isGoingOn(run)) done();
      });
    });
  }
}

function message(run: Run, now: number): string {
  if (run.state === "queued") return waiting(run);
  const speaking = run.steps.findLast((step) => step.ending === undefined);
  const text = speaking === undefined ? "" : oneLine(speaking.text, TEXT, "end");
  return [tokensSoFar(run), seconds((now - run.began) / 1000), text].filter(Boolean).join(" · ");
}
