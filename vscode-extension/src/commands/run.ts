/** Running scripts: run, a part, again, with params, replay, cancel, clear. */
import * as vscode from "vscode";
import { isScript } from "../languages";
import type { DeclaredParams, Profiles, RunParams, TextRange } from "../protocol.gen";
import { isGoingOn, type Run } from "../runs/model";
import { profileItems } from "../runs/profiles";
import type { Runs } from "../runs/runs";
import type { Server } from "../server/server";
import { textIn } from "../settings";
import { mayRun } from "../trust";
import type { Channels } from "../views/channels";
import type { InlineText } from "../views/inlineText";
import { runIn } from "../views/runsTree";
import { askForParams, type Params } from "./params";
import { pickRun } from "./pickRun";
import { chosenScript } from "./script";

type Asking = "required" | "all";

export class RunCommands {
  /** What ran last, to run it again. */
  #last: { readonly params: RunParams; readonly run: Run | undefined } | undefined;

  constructor(
    private readonly server: Server,
    private readonly runs: Runs,
    private readonly channels: Channels,
    private readonly inlineText: InlineText,
  ) {}

  async run(argument?: unknown): Promise<Run | undefined> {
    const settings = vscode.workspace.getConfiguration("geppetto.run");
    const asking = settings.get<Asking | "never">("askForParams", "required");
    return this.#run(argument, asking === "never" ? undefined : asking);
  }

  /** Asks for every param, also those that may be left out. */
  async runWithParams(argument?: unknown): Promise<Run | undefined> {
    return this.#run(argument, "all", true);
  }

  /** The statements that are selected, or the one at the cursor, and what they need. */
  async runSelection(): Promise<Run | undefined> {
    const editor = vscode.window.activeTextEditor;
    if (editor === undefined) return undefined;
    const { start, end } = editor.selection;
    return this.#run(editor.document.uri, "required", false, {
      start: { line: start.line, character: start.character },
      end: { line: end.line, character: end.character },
    });
  }

  async runAgain(): Promise<Run | undefined> {
    if (this.#last === undefined) return this.run();
    if (!(await mayRun())) return undefined;
    const { params, run } = this.#last;
    return this.#startAsLast({ ...params, uri: run?.origin.uri ?? params.uri ?? null }); // it may be renamed
  }

  /** Plays a run again from its record, as fast as it was. Nothing is asked of a model. */
  async replay(argument?: unknown): Promise<Run | undefined> {
    const chosen =
      runIn(argument) ??
      this.runsOf(argument).find((run) => !isGoingOn(run) && run.origin.replayOf === undefined);
    if (chosen === undefined) {
      void vscode.window.showInformationMessage("There is no run yet that could be replayed.");
      return undefined;
    }
    if (!(await mayRun())) return undefined;
    return this.#start({
      uri: chosen.origin.uri ?? null,
      replay: chosen.origin.replayOf ?? chosen.id,
      pace: 1,
    });
  }

  /** Cancels a run, or those of a script; without one those of the script in the editor, or one that is chosen. */
  async cancel(argument?: unknown): Promise<void> {
    let goingOn = this.runsOf(argument).filter(isGoingOn);
    if (argument === undefined) {
      const here = goingOn.filter((run) => run.origin.uri === activeScript()?.toString());
      if (here.length > 0) goingOn = here;
      else if (goingOn.length > 1) {
        const chosen = await pickRun(this.runs, goingOn, "Cancel");
        if (chosen === undefined) return;
        goingOn = [chosen];
      }
    }
    if (goingOn.length === 0) {
      void vscode.window.showInformationMessage("There is no run that could be cancelled.");
    }
    await Promise.all(goingOn.map((each) => this.runs.cancel(each)));
  }

  async cancelAll(): Promise<void> {
    await Promise.all(this.runs.goingOn.map((each) => this.runs.cancel(each)));
  }

  showOutput(argument?: unknown): void {
    const [run] = this.runsOf(argument);
    if (run === undefined) void vscode.window.showInformationMessage("No script was run yet.");
    else this.channels.show(run);
  }

  /** Takes the output of a script away, behind its calls, in its channel, and its errors; of all without one. */
  async clear(argument?: unknown): Promise<void> {
    const uri = uriIn(argument);
    this.inlineText.clear(uri);
    this.channels.clear(uri);
    if (this.server.state !== "running") return;
    const client = await this.server.client();
    const command = { command: "geppetto.clearOutput", arguments: uri === undefined ? [] : [uri.toString()] };
    await client?.sendRequest("workspace/executeCommand", command);
  }

  /** Lets the user choose the profile that scripts run with, out of those of `geppetto.toml`. */
  async selectProfile(): Promise<void> {
    const client = await this.server.client();
    if (client === undefined) return;
    const uri = vscode.window.activeTextEditor?.document.uri;
    const settings = vscode.workspace.getConfiguration("geppetto.run", uri);
    const before = settings.get<string>("profile", "");
    try {
      const asked = uri?.scheme === "file" ? { uri: uri.toString() } : {};
      const found: Profiles = await client.sendRequest("geppetto/profiles", asked);
      const items = profileItems(found, before);
      const placeHolder =
        found.profiles.length === 0
          ? "geppetto.toml has no profiles: [profiles.NAME.chat] would be one"
          : "Profile that scripts run with";
      const picked = await vscode.window.showQuickPick(items, { title: "Geppetto: Profile", placeHolder });
      if (picked === undefined) return;
      await settings.update("profile", picked.name === "" ? undefined : picked.name, profileTarget(uri));
    } catch (error) {
      // The server warns of settings that are wrong in the same words, and VS Code shows what it is told twice once.
      void vscode.window.showWarningMessage(text(error));
    }
  }

  /**
   * The run, or those of the script, that a command is about. If it is about none all, those of the script in the editor
   * before the others. Newest first.
   */
  runsOf(argument: unknown): Run[] {
    const run = runIn(argument) ?? (typeof argument === "string" ? this.runs.get(argument) : undefined);
    if (run !== undefined) return [run];
    const uri = uriIn(argument);
    if (uri !== undefined) return this.runs.of(uri);
    const here = activeScript()?.toString();
    const isHere = (each: Run): boolean => each.origin.uri === here;
    return [...this.runs.all.filter(isHere), ...this.runs.all.filter((each) => !isHere(each))];
  }

  async #run(
    argument: unknown,
    asking: Asking | undefined,
    isAlways = false,
    range?: TextRange,
  ): Promise<Run | undefined> {
    const uri = await chosenScript(argument);
    if (uri === undefined || !(await mayRun())) return undefined;
    const script = uri.toString();
    const client = await this.server.client();
    if (client === undefined) return undefined;
    let params: Params = {};
    if (asking !== undefined) {
      const answer = await this.#ask(
        client.sendRequest("geppetto/params", { uri: script }),
        uri,
        asking,
        isAlways,
      );
      if (answer === undefined) return undefined;
      params = answer;
    }
    const profile = textIn(vscode.workspace.getConfiguration("geppetto.run", uri).get("profile"));
    return this.#startAsLast({
      uri: script,
      params,
      ...(profile === "" ? {} : { profile }),
      ...(range === undefined ? {} : { range }),
    });
  }

  async #startAsLast(params: RunParams): Promise<Run | undefined> {
    this.#last = { params, run: undefined };
    const run = await this.#start(params);
    this.#last = { params, run };
    return run;
  }

  /** What the user gives for the params; undefined if the script should not run. */
  async #ask(
    asked: Promise<DeclaredParams>,
    uri: vscode.Uri,
    asking: Asking,
    isAlways: boolean,
  ): Promise<Params | undefined> {
    try {
      const declared = (await asked).params.filter((param) => asking === "all" || param.required);
      if (declared.length === 0 && !isAlways) return {};
      const name = uri.path.split("/").at(-1) ?? "script";
      return await askForParams(name, declared, this.#lastGiven(uri));
    } catch (error) {
      void vscode.window.showErrorMessage(`The script was not run: ${text(error)}`);
      return undefined;
    }
  }

  /** The params that a script was given the last time that it was given some. */
  #lastGiven(uri: vscode.Uri): Params {
    const given = this.runs.of(uri).map(({ origin: { params } }) => params ?? {});
    return given.find((params) => Object.keys(params).length > 0) ?? {};
  }

  async #start(params: RunParams): Promise<Run | undefined> {
    const client = await this.server.client();
    if (client === undefined) return undefined;
    try {
      const run = await this.runs.start(client, params);
      const when = vscode.workspace.getConfiguration("geppetto.run").get("showOutput");
      if (when === "onStart") this.channels.show(run);
      return run;
    } catch (error) {
      void vscode.window.showErrorMessage(`The script was not run: ${text(error)}`);
      return undefined;
    }
  }
}

/** Tells of a run that has failed, where its output is not shown anyway. */
export function tellOfFailure(run: Run, runs: Runs, channels: Channels): void {
  const when = vscode.workspace.getConfiguration("geppetto.run").get("showOutput");
  if (run.outcome === "ok" || run.outcome === "cancelled") return;
  if (when !== "never") {
    channels.show(run);
    return;
  }
  const message = run.errors[0]?.message ?? "The language server has ended";
  const show = "Show Output";
  void vscode.window.showErrorMessage(`${runs.nameOf(run)}: ${message}`, show).then((chosen) => {
    if (chosen === show) channels.show(run);
  });
}

function activeScript(): vscode.Uri | undefined {
  const document = vscode.window.activeTextEditor?.document;
  return document !== undefined && isScript(document) ? document.uri : undefined;
}

function uriIn(argument: unknown): vscode.Uri | undefined {
  if (argument instanceof vscode.Uri) return argument;
  if (typeof argument === "string") return vscode.Uri.parse(argument);
  const uri = runIn(argument)?.origin.uri;
  return uri === undefined ? undefined : vscode.Uri.parse(uri);
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Where the profile of a script is kept: each folder of a workspace has its own profiles. */
function profileTarget(uri: vscode.Uri | undefined): vscode.ConfigurationTarget {
  const folders = vscode.workspace.workspaceFolders ?? [];
  if (folders.length === 0) return vscode.ConfigurationTarget.Global;
  const isInOneOfMany = folders.length > 1 && uri !== undefined && vscode.workspace.getWorkspaceFolder(uri);
  return isInOneOfMany ? vscode.ConfigurationTarget.WorkspaceFolder : vscode.ConfigurationTarget.Workspace;
}
