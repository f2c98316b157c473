/** What goes on, in the status bar: tokens and time, live; then how the last run ended. */
import * as vscode from "vscode";
import { isScript } from "../languages";
import { isGoingOn, type Run } from "../runs/model";
import { runIcon } from "../runs/outline";
import type { Runs } from "../runs/runs";
import { seconds, summary, tokensSoFar } from "../runs/words";

const INTERVAL = 250;

export class StatusBar implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem("geppetto.runs", vscode.StatusBarAlignment.Left, 10);
  readonly #subscriptions: vscode.Disposable[];
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly runs: Runs) {
    this.#item.name = "Geppetto Runs";
    this.#subscriptions = [
      this.#item,
      runs.onDidChangeList(() => this.#show()),
      vscode.window.onDidChangeActiveTextEditor(() => this.#show()),
    ];
  }

  dispose(): void {
    clearInterval(this.#timer);
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #show(): void {
    const goingOn = this.runs.goingOn;
    if (goingOn.length > 0) {
      this.#timer ??= setInterval(() => this.#show(), INTERVAL);
      this.#showGoingOn(goingOn);
      return;
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
    const document = vscode.window.activeTextEditor?.document;
    const last = document !== undefined && isScript(document) ? this.runs.of(document.uri)[0] : undefined;
    if (last === undefined) {
      this.#item.hide();
      return;
    }
    this.#item.text = `$(${runIcon(last).icon}) ${summary(last, Date.now())}`;
    this.#item.tooltip = `${this.runs.nameOf(last)}: show the output`;
    this.#item.command = {
      command: "geppetto.showRunOutput",
      title: "Show Output",
      arguments: [{ run: last }],
    };
    this.#item.show();
  }

  #showGoingOn(goingOn: readonly Run[]): void {
    const now = Date.now();
    const [first] = goingOn;
    if (first === undefined || !isGoingOn(first)) return;
    const what = goingOn.length === 1 ? this.runs.nameOf(first) : `${goingOn.length} runs`;
    const facts = goingOn.length === 1 ? [tokensSoFar(first), seconds((now - first.began) / 1000)] : [];
    this.#item.text = `$(sync~spin) ${[what, ...facts].filter(Boolean).join(" · ")}`;
    this.#item.tooltip = new vscode.MarkdownString(
      `${goingOn.map((run) => `${this.runs.nameOf(run)}: ${summary(run, now)}`).join("  \n")}\n\nClick to show the runs.`,
    );
    this.#item.command = "geppetto.runs.focus";
    this.#item.show();
  }
}
