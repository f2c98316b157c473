/** The text of runs behind the calls in the editor, as it comes. */
import * as vscode from "vscode";
import { isScript } from "../languages";
import type { SourcePlace } from "../protocol.gen";
import { Edits, type Point } from "../runs/drift";
import { CallSites, hover, label, runToShow } from "../runs/inline";
import type { Run } from "../runs/model";
import { isScriptFile } from "../runs/renaming";
import type { Runs } from "../runs/runs";
import { numberIn } from "../settings";
import { Pace } from "./pace";

/** Milliseconds between two drawings. */
const INTERVAL = 100;
/** What comes later in a line is hardly ever on the screen; the newest words should be. */
const COLUMNS = 95;
/** So many calls have text behind them, at most. */
const MOST = 500;

export class InlineText implements vscode.Disposable {
  /** The calls of the run that is shown of each script, by URI. */
  readonly #shown = new Map<string, CallSites>();
  /** Of each script that has runs, by URI. */
  readonly #edits = new Map<string, Edits>();
  readonly #hidden = new Set<Run>();
  readonly #stale = new Set<string>();
  readonly #pace = new Pace(INTERVAL, () => this.#draw());
  readonly #decoration = vscode.window.createTextEditorDecorationType({
    after: { margin: "0 0 0 2em", fontStyle: "normal" },
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
  readonly #subscriptions: vscode.Disposable[];

  constructor(private readonly runs: Runs) {
    this.#subscriptions = [
      runs.onDidSay(({ run, event }) => {
        if (event === undefined || (event.kind !== "console" && event.kind !== "notice")) this.#touch(run);
      }),
      runs.onDidChangeList(() => {
        this.#followScripts();
        this.#all();
      }),
      vscode.window.onDidChangeVisibleTextEditors(() => this.#all()),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges, reason }) => {
        const uri = document.uri.toString();
        const edits = this.#edits.get(uri);
        if (edits === undefined) return;
        for (const { range, text } of contentChanges) {
          const change = { start: range.start, end: range.end, text };
          if (reason === vscode.TextDocumentChangeReason.Undo) edits.undo(change);
          else edits.add(change);
        }
        this.#stale.add(uri);
        this.#pace.soon();
      }),
      vscode.workspace.onDidCloseTextDocument((document) => {
        this.#shown.delete(document.uri.toString());
        this.#edits.get(document.uri.toString())?.close(document.getText());
      }),
      vscode.workspace.onDidOpenTextDocument((document) =>
        this.#edits.get(document.uri.toString())?.open(document.getText()),
      ),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration("geppetto.inline")) this.#all();
      }),
    ];
  }

  /** Where a place in a run's script is now; undefined if it is gone, or in another file. */
  now({ id, origin }: Run, { file, line, column }: SourcePlace): Point | undefined {
    if (origin.uri === undefined || !isScriptFile(file, vscode.Uri.parse(origin.uri))) return undefined;
    return this.#edits.get(origin.uri)?.now(id, { line: line - 1, character: column - 1 });
  }

  /** Takes the text of a script's runs away; of all scripts without one. */
  clear(uri?: vscode.Uri): void {
    for (const run of uri === undefined ? this.runs.all : this.runs.of(uri)) this.#hidden.add(run);
    this.#all();
  }

  dispose(): void {
    this.#pace.dispose();
    this.#decoration.dispose();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  /** From its first run on, the edits of a script count, for as long as it has runs. */
  #followScripts(): void {
    const { all } = this.runs;
    for (const { id, origin } of all.toReversed()) {
      if (origin.uri === undefined) continue;
      const edits = this.#edits.get(origin.uri) ?? this.#takeOver(id, origin.uri) ?? new Edits();
      this.#edits.set(origin.uri, edits);
      edits.begin(id, origin.replayOf);
    }
    const scripts = new Set(all.map(({ origin: { uri } }) => uri));
    for (const uri of this.#edits.keys()) if (!scripts.has(uri)) this.#edits.delete(uri);
  }

  /** The edits of a run's script under the name that it had before. */
  #takeOver(run: string, uri: string): Edits | undefined {
    for (const [before, edits] of this.#edits) {
      if (!edits.knows(run)) continue;
      this.#edits.delete(before);
      const document = vscode.workspace.textDocuments.find((each) => each.uri.toString() === uri);
      if (document !== undefined) edits.open(document.getText()); // it was closed under the other name
      return edits;
    }
    return undefined;
  }

  #touch(run: Run): void {
    if (run.origin.uri !== undefined) this.#stale.add(run.origin.uri);
    this.#pace.soon();
  }

  #all(): void {
    for (const { document } of vscode.window.visibleTextEditors) this.#stale.add(document.uri.toString());
    this.#pace.soon();
  }

  #draw(): void {
    const stale = new Set(this.#stale);
    this.#stale.clear();
    for (const editor of vscode.window.visibleTextEditors) {
      const uri = editor.document.uri.toString();
      if (stale.has(uri) && isScript(editor.document)) {
        editor.setDecorations(this.#decoration, this.#decorations(editor.document));
      }
    }
  }

  #decorations(document: vscode.TextDocument): vscode.DecorationOptions[] {
    const settings = vscode.workspace.getConfiguration("geppetto.inline", document);
    const sites = this.#sitesOf(document.uri);
    if (sites === undefined || !settings.get("enabled", true)) return [];
    const most = numberIn(settings.get("maxLength"), 10, 1000, 100);
    const now = Date.now();
    const byLine = new Map<number, vscode.DecorationOptions>();
    for (const site of sites.all.slice(0, MOST)) {
      if (site.place.line >= document.lineCount) continue;
      const end = document.lineAt(site.place.line).range.end;
      const { step } = site;
      const color =
        step.problem !== undefined
          ? "geppetto.inlineError"
          : step.ending === undefined
            ? "geppetto.inlineStreaming"
            : "geppetto.inlineText";
      const text = label(site, most, COLUMNS - end.character, now);
      const before = byLine.get(site.place.line);
      const contentText = before?.renderOptions?.after?.contentText;
      const hoverMessage = new vscode.MarkdownString(hover(site, now));
      byLine.set(site.place.line, {
        range: new vscode.Range(end, end),
        hoverMessage:
          before === undefined
            ? [hoverMessage]
            : [...(before.hoverMessage as vscode.MarkdownString[]), hoverMessage],
        renderOptions: {
          after: {
            contentText: contentText === undefined ? text : `${contentText}  │  ${text}`,
            color: new vscode.ThemeColor(color),
          },
        },
      });
    }
    return [...byLine.values()];
  }

  #sitesOf(uri: vscode.Uri): CallSites | undefined {
    const key = uri.toString();
    const run = runToShow(this.runs.of(uri));
    const edits = this.#edits.get(key);
    if (run === undefined || edits === undefined || this.#hidden.has(run)) {
      this.#shown.delete(key);
      return undefined;
    }
    const known = this.#shown.get(key);
    if (known?.run === run) return known;
    const sites = new CallSites(run, (file) => isScriptFile(file, uri), edits);
    this.#shown.set(key, sites);
    return sites;
  }
}
