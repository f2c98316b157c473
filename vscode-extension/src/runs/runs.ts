/** All runs of this window: hears the server's events, and tells the views of changes. */
import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import type { RunEvent, RunEventParams, RunList, RunParams, RunStarted, TextRange } from "../protocol.gen";
import type { Server } from "../server/server";
import { follow, isGoingOn, lose, newRun, type Run, type RunOrigin, take } from "./model";
import { type Renaming, renaming, saving } from "./renaming";
import { Transcript } from "./transcript";

/** Runs that have ended and are kept. */
const MOST_ENDED = 50;
/** Text of one run that is kept to be copied and compared, in characters. */
const MOST_TEXT = 4 * 1024 * 1024;

/** What a run has said, as text. */
interface Record {
  readonly transcript: Transcript;
  text: string;
}

export interface Said {
  readonly run: Run;
  readonly event: RunEvent | undefined;
  /** What the event adds to the run's text. */
  readonly text: string;
}

export class Runs implements vscode.Disposable {
  readonly #runs = new Map<string, Run>();
  readonly #records = new WeakMap<Run, Record>();
  /** By untitled documents. */
  readonly #savedAs = new WeakMap<vscode.TextDocument, vscode.Uri>();
  readonly #said = new vscode.EventEmitter<Said>();
  /** After every event. Views take note and draw later. */
  readonly onDidSay = this.#said.event;
  readonly #listed = new vscode.EventEmitter<void>();
  /** After a run has come or gone, or may be of a script with another name. */
  readonly onDidChangeList = this.#listed.event;
  readonly #subscriptions: vscode.Disposable[];

  constructor(private readonly server: Server) {
    this.#subscriptions = [
      server.onConnecting((client) =>
        client.onNotification("geppetto/runEvent", (params: RunEventParams) => this.#take(client, params)),
      ),
      server.onDidChangeState((state) => {
        if (state !== "running" && state !== "starting") this.#loseAll();
      }),
      vscode.workspace.onDidRenameFiles(({ files }) =>
        this.#follow(renaming(files, (uri) => vscode.workspace.asRelativePath(uri, false))),
      ),
      vscode.workspace.onDidSaveTextDocument((document) => this.#noteSaved(document)),
      // Heard here before the views hear it: that the untitled text is taken away is no edit of the script.
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length > 0) this.#followSaved(document);
      }),
    ];
  }

  /** Newest first. */
  get all(): Run[] {
    return [...this.#runs.values()].reverse();
  }

  get(id: string): Run | undefined {
    return this.#runs.get(id);
  }

  /** The runs of a script, newest first. */
  of(uri: vscode.Uri): Run[] {
    const wanted = uri.toString();
    return this.all.filter((run) => run.origin.uri === wanted);
  }

  /** The file name of a run's script; its path, if another script of this name has runs. */
  nameOf({ origin: { uri } }: Run): string {
    if (uri === undefined) return "script";
    const script = vscode.Uri.parse(uri);
    const [name = ""] = /[^/:]*$/.exec(uri) ?? [];
    const isShared = this.all.some(
      ({ origin: { uri: other } }) => other !== uri && other?.endsWith(`/${name}`),
    );
    return isShared ? vscode.workspace.asRelativePath(script) : (script.path.split("/").at(-1) ?? "script");
  }

  get goingOn(): Run[] {
    return this.all.filter(isGoingOn);
  }

  /** Everything that a run has said so far, as text. */
  textOf(run: Run): string {
    return this.#records.get(run)?.text ?? "";
  }

  /** @throws what the server answers instead. */
  async start(client: LanguageClient, params: RunParams): Promise<Run> {
    const answer: RunStarted = await client.sendRequest("geppetto/run", params);
    const run = this.#run(answer.runId);
    run.origin = {
      uri: params.uri ?? run.origin.uri,
      params: params.params,
      profile: params.profile ?? undefined,
      replayOf: params.replay ?? undefined,
      lines: linesOf(params.range),
    };
    this.#listed.fire();
    return run;
  }

  /** Asks a run to end; its end follows. */
  async cancel(run: Run): Promise<void> {
    if (!isGoingOn(run)) return;
    const client = await this.server.client();
    await client?.sendRequest("geppetto/cancelRun", { runId: run.id });
  }

  /** Forgets runs that have ended. */
  forget(runs: readonly Run[]): void {
    for (const run of runs) if (!isGoingOn(run)) this.#runs.delete(run.id);
    this.#listed.fire();
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.#said.dispose();
    this.#listed.dispose();
  }

  #take(client: LanguageClient, { runId, event }: RunEventParams): void {
    const isNew = !this.#runs.has(runId);
    const run = this.#run(runId);
    take(run, event, Date.now());
    this.#say(run, event, this.#records.get(run)?.transcript.take(event) ?? "");
    if (isNew) {
      this.#listed.fire();
      void this.#learn(client, run);
    } else if (event.kind === "end") this.#listed.fire();
  }

  #run(id: string, origin: RunOrigin = { uri: undefined }): Run {
    const known = this.#runs.get(id);
    if (known !== undefined) return known;
    const run = newRun(id, origin, Date.now());
    this.#runs.set(id, run);
    this.#records.set(run, { transcript: new Transcript(vscode.workspace.asRelativePath), text: "" });
    const ended = [...this.#runs.values()].filter((each) => !isGoingOn(each));
    for (const old of ended.slice(0, Math.max(0, ended.length - MOST_ENDED))) this.#runs.delete(old.id);
    return run;
  }

  /** Which script a run is of that was not started here, such as by another extension's command. */
  async #learn(client: LanguageClient, run: Run): Promise<void> {
    try {
      const { runs }: RunList = await client.sendRequest("geppetto/listRuns");
      const info = runs.find(({ runId }) => runId === run.id);
      if (info?.uri != null && run.origin.uri === undefined) {
        run.origin = { ...run.origin, uri: vscode.Uri.parse(info.uri).toString() };
        this.#listed.fire();
      }
    } catch {
      // The server has gone meanwhile: the run ends as lost.
    }
  }

  #follow(rename: Renaming): void {
    for (const run of this.#runs.values()) follow(run, rename);
    this.#listed.fire();
  }

  /**
   * VS Code does not tell what an untitled script is saved as: it saves another document with the same text, but for what
   * it trims if it is told to, then empties the untitled one and closes it.
   */
  #noteSaved(saved: vscode.TextDocument): void {
    for (const document of vscode.workspace.textDocuments) {
      const mayBeIt = document.uri.scheme === "untitled" && this.of(document.uri).length > 0;
      if (mayBeIt && trimmed(document) === trimmed(saved)) this.#savedAs.set(document, saved.uri);
    }
  }

  #followSaved(changed: vscode.TextDocument): void {
    const saved = this.#savedAs.get(changed);
    if (saved === undefined) return;
    this.#savedAs.delete(changed);
    if (changed.getText() === "") this.#follow(saving(changed.uri, saved));
  }

  #say(run: Run, event: RunEvent | undefined, text: string): void {
    const record = this.#records.get(run);
    if (record !== undefined && record.text.length < MOST_TEXT) {
      record.text += text;
      if (record.text.length >= MOST_TEXT) record.text += "\n[the rest is left out]\n";
    }
    this.#said.fire({ run, event, text });
  }

  #loseAll(): void {
    const lost = this.goingOn;
    for (const run of lost) {
      lose(run, Date.now());
      this.#say(run, undefined, this.#records.get(run)?.transcript.lost() ?? "");
    }
    if (lost.length > 0) this.#listed.fire();
  }
}

/** What it may lose without a place in it being elsewhere then. */
function trimmed(document: vscode.TextDocument): string {
  return document
    .getText()
    .replace(/[ \t]+$/gm, "")
    .trimEnd();
}

/** The lines that a range covers, counted from 1; the last one not if it ends before its first character. */
function linesOf(range: TextRange | null | undefined): readonly [number, number] | undefined {
  if (range == null) return undefined;
  const first = range.start.line + 1;
  const last = range.end.character === 0 ? range.end.line : range.end.line + 1;
  return [first, Math.max(first, last)];
}
