/** Read-only documents: the text of runs, to be compared, their events as JSON, and reports. */
import * as vscode from "vscode";
import type { RunOutput } from "../protocol.gen";
import type { Run } from "../runs/model";
import type { Runs } from "../runs/runs";
import type { Server } from "../server/server";

const SCHEME = "geppetto-run";

export class RunDocuments implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #registration: vscode.Disposable;
  readonly #texts = new Map<string, string>();
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.#changed.event;

  constructor(
    private readonly server: Server,
    private readonly runs: Runs,
  ) {
    this.#registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const text = this.#texts.get(uri.path);
    if (text !== undefined) return text;
    const run = this.runs.get(uri.query);
    if (run === undefined) return "This run is forgotten.\n";
    // How long it took differs always, and tells nothing.
    return uri.path.endsWith(".json") ? this.#json(run) : this.runs.textOf(run).replace(/── [^\n]*\n$/, "");
  }

  /** Shows a text under a name; the next one of this name takes its place. */
  async openText(name: string, text: string): Promise<void> {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${name}` });
    this.#texts.set(uri.path, text);
    this.#changed.fire(uri);
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { preview: true });
  }

  async openJson(run: Run): Promise<void> {
    const document = await vscode.workspace.openTextDocument(this.#uriOf(run, "json"));
    await vscode.window.showTextDocument(document, { preview: true });
  }

  /** The texts of two runs side by side, the older one at the left. */
  async compare(one: Run, other: Run): Promise<void> {
    const [left, right] = one.began <= other.began ? [one, other] : [other, one];
    const [name, rightName] = [this.runs.nameOf(left), this.runs.nameOf(right)];
    const title = `${name} ${time(left)} ↔ ${name === rightName ? "" : `${rightName} `}${time(right)}`;
    await vscode.commands.executeCommand(
      "vscode.diff",
      this.#uriOf(left, "txt"),
      this.#uriOf(right, "txt"),
      title,
    );
  }

  dispose(): void {
    this.#registration.dispose();
    this.#changed.dispose();
  }

  #uriOf(run: Run, extension: string): vscode.Uri {
    const path = `/${this.runs.nameOf(run)} ${time(run).replaceAll(":", ".")}.${extension}`;
    return vscode.Uri.from({ scheme: SCHEME, path, query: run.id });
  }

  async #json(run: Run): Promise<string> {
    const { stepsById: _steps, renamings: _renamings, ...known } = run;
    let value: unknown = known;
    try {
      const client = this.server.state === "running" ? await this.server.client() : undefined;
      if (client !== undefined) {
        const output: RunOutput = await client.sendRequest("geppetto/runOutput", { runId: run.id });
        value = output;
      }
    } catch {
      // The server keeps the last runs only; what is known here is less, but something.
    }
    return `${JSON.stringify(value, null, 2)}\n`;
  }
}

function time(run: Run): string {
  return new Date(run.began).toLocaleTimeString();
}
