/** Running scripts: run, rerun, replay, cancel, clear. */
import * as vscode from "vscode";
import type { JsonValue, RunParams } from "../protocol.gen";
import type { Run } from "../runs/model";
import type { Runs } from "../runs/runs";
import type { Server } from "../server/server";
import { mayRun } from "../trust";
import type { Channels } from "../views/channels";
import type { InlineText } from "../views/inlineText";
import { chosenScript } from "./script";

export class RunCommands {
  #last: RunParams | undefined;

  constructor(
    private readonly server: Server,
    private readonly runs: Runs,
    private readonly channels: Channels,
    private readonly inlineText: InlineText,
  ) {}

  async run(argument?: unknown): Promise<Run | undefined> {
    const uri = await chosenScript(argument);
    return uri === undefined ? undefined : this.#run({ uri: uri.toString(), ...profile(uri) });
  }

  async runAgain(): Promise<Run | undefined> {
    return this.#last === undefined ? this.run() : this.#run(this.#last);
  }

  async replay(run?: Run): Promise<Run | undefined> {
    const chosen = run ?? this.runs.all.find((each) => each.state === "ended");
    if (chosen === undefined) {
      void vscode.window.showInformationMessage("There is no run yet that could be replayed.");
      return undefined;
    }
    return this.#start({ uri: chosen.origin.uri ?? null, replay: chosen.id, pace: 1 });
  }

  async cancel(run?: Run): Promise<void> {
    const goingOn = run === undefined ? this.runs.goingOn : [run];
    await Promise.all(goingOn.map((each) => this.runs.cancel(each)));
  }

  clear(uri?: vscode.Uri): void {
    this.inlineText.clear(uri);
    this.channels.clear(uri);
  }

  async #run(params: RunParams): Promise<Run | undefined> {
    if (!(await mayRun())) return undefined;
    this.#last = params;
    return this.#start(params);
  }

  async #start(params: RunParams): Promise<Run | undefined> {
    const client = await this.server.client();
    if (client === undefined) return undefined;
    try {
      const run = await this.runs.start(client, params);
      if (vscode.workspace.getConfiguration("geppetto.run").get("showOutput") === "onStart")
        this.channels.show(run);
      return run;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      void vscode.window.showErrorMessage(`The script was not run: ${message}`);
      return undefined;
    }
  }
}

function profile(uri: vscode.Uri): { profile?: string } {
  const name = vscode.workspace.getConfiguration("geppetto.run", uri).get<string>("profile", "").trim();
  return name === "" ? {} : { profile: name };
}

export type Params = { readonly [name: string]: JsonValue };
