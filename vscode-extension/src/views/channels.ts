/** An output channel for each script; runs of one script at the same time get one each. */
import * as vscode from "vscode";
import { isGoingOn, type Run } from "../runs/model";
import type { Runs } from "../runs/runs";
import { circumstances } from "../runs/words";
import { Pace } from "./pace";

const INTERVAL = 100;

interface Channel {
  readonly output: vscode.OutputChannel;
  /** Whose text it gets at present. */
  run: Run;
}

export class Channels implements vscode.Disposable {
  readonly #channels = new Map<string, Channel>();
  readonly #ofRun = new WeakMap<Run, Channel>();
  readonly #unwritten = new Map<Run, string>();
  readonly #pace = new Pace(INTERVAL, () => this.#write());
  readonly #subscription: vscode.Disposable;

  constructor(private readonly runs: Runs) {
    this.#subscription = runs.onDidSay(({ run, event, text }) => {
      this.#unwritten.set(run, (this.#unwritten.get(run) ?? "") + text);
      if (event?.kind === "end") this.#pace.now();
      else this.#pace.soon();
    });
  }

  /** Brings a run's output to the front. */
  show(run: Run, preserveFocus = true): void {
    this.#of(run).output.show(preserveFocus);
  }

  /** Empties the channels of a script; all of them without one. */
  clear(uri?: vscode.Uri): void {
    for (const { run, output } of this.#channels.values()) {
      if (uri === undefined || run.origin.uri === uri.toString()) output.clear();
    }
  }

  dispose(): void {
    this.#pace.dispose();
    this.#subscription.dispose();
    for (const { output } of this.#channels.values()) output.dispose();
  }

  #write(): void {
    for (const [run, text] of this.#unwritten) if (text !== "") this.#of(run).output.append(text);
    this.#unwritten.clear();
  }

  #of(run: Run): Channel {
    const known = this.#ofRun.get(run);
    if (known !== undefined) return known;
    const first = `Geppetto: ${this.runs.nameOf(run)}`;
    for (let number = 1; ; number++) {
      const title = number === 1 ? first : `${first} (${number})`;
      const there = this.#channels.get(title);
      if (there !== undefined && isGoingOn(there.run)) continue;
      if (there !== undefined && there.run.origin.uri !== run.origin.uri) continue; // of a script that had this name
      const channel = there ?? { output: vscode.window.createOutputChannel(title), run };
      channel.run = run;
      this.#channels.set(title, channel);
      this.#ofRun.set(run, channel);
      this.#begin(channel, run);
      return channel;
    }
  }

  #begin({ output }: Channel, run: Run): void {
    const settings = vscode.workspace.getConfiguration("geppetto.run");
    if (settings.get("clearOutput", true)) output.clear();
    const time = new Date(run.began).toLocaleTimeString();
    output.appendLine(`── ${[time, this.runs.nameOf(run), ...circumstances(run)].join(" · ")}`);
  }
}
