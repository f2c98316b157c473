/** The server's state and version among the languages' status, and its failures as messages with a way out. */
import * as vscode from "vscode";
import { SELECTOR } from "../languages";
import type { Source } from "./find";
import type { Failure, Server } from "./server";
import { skew } from "./versions";

const RETRY = "Retry";
const SHOW_LOG = "Show Log";
const CONFIGURE = "Configure";
const STDERR_LINES = 4;

export class ServerStatus implements vscode.Disposable {
  readonly #item = vscode.languages.createLanguageStatusItem("geppetto.server", SELECTOR);
  readonly #subscriptions: vscode.Disposable[];
  #toldOf: string | undefined;

  constructor(
    private readonly server: Server,
    private readonly version: string,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.#item.name = "Geppetto Server";
    this.#subscriptions = [this.#item, server.onDidChangeState(() => this.#show())];
    this.#show();
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #show(): void {
    const severity = vscode.LanguageStatusSeverity;
    const item = this.#item;
    const { state, found, version, failure } = this.server;
    item.busy = state === "starting" || state === "restarting";
    item.severity = severity.Information;
    item.detail = found === undefined ? "" : whereFrom(found.source); // the log has its path
    item.command = { command: "geppetto.showLog", title: "Show Log" };
    switch (state) {
      case "running": {
        item.text = `Geppetto ${version ?? ""}`.trim();
        const difference = skew(this.version, version);
        if (difference !== undefined) {
          item.severity = severity.Warning;
          item.detail = `${difference.older === "server" ? "older" : "newer"} than this extension, ${this.version}`;
          this.#tellOfSkew(difference.text);
        }
        break;
      }
      case "starting":
        item.text = "Geppetto is starting";
        break;
      case "restarting":
        item.text = "Geppetto has ended, and is started again";
        item.severity = severity.Warning;
        break;
      case "failed":
        item.text = "Geppetto does not start";
        item.severity = severity.Error;
        item.detail = failure?.message ?? "";
        item.command = { command: "geppetto.restartServer", title: "Retry" };
        if (failure !== undefined) void this.#tellOfFailure(failure);
        break;
      case "stopped":
        item.text = "Geppetto is not running";
        item.command = { command: "geppetto.restartServer", title: "Start" };
        break;
    }
  }

  async #tellOfFailure({ message, stderr }: Failure): Promise<void> {
    const lines = stderr.split("\n").filter(Boolean).slice(-STDERR_LINES);
    const said = lines.length === 0 ? "" : ` It said: ${lines.join(" ⏎ ")}`;
    const text = `The Geppetto language server did not start. ${message}${said}`;
    const chosen = await vscode.window.showErrorMessage(text, RETRY, SHOW_LOG, CONFIGURE);
    if (chosen === RETRY) await this.server.restart();
    else if (chosen === SHOW_LOG) this.log.show();
    else if (chosen === CONFIGURE) {
      await vscode.commands.executeCommand("workbench.action.openSettings", "geppetto.server.path");
    }
  }

  /** Once for each difference. */
  #tellOfSkew(text: string): void {
    if (this.#toldOf === text) return;
    this.#toldOf = text;
    void vscode.window.showWarningMessage(text, CONFIGURE).then((chosen) => {
      if (chosen === CONFIGURE) {
        void vscode.commands.executeCommand("workbench.action.openSettings", "geppetto.server.path");
      }
    });
  }
}

/** How a server was found, in words. */
export function whereFrom(source: Source): string {
  switch (source) {
    case "setting":
      return "from geppetto.server.path";
    case "python":
      return "from the environment of the Python extension";
    case "path":
      return "from PATH";
    case "bundled":
      return "bundled with the extension";
  }
}
