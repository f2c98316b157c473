/** The extension: what there is, and how it hangs together. */
import * as vscode from "vscode";
import { compareRuns } from "./commands/compare";
import { newScript } from "./commands/firstScript";
import { showReport } from "./commands/report";
import { RunCommands, tellOfFailure } from "./commands/run";
import { isScript } from "./languages";
import { followPatterns } from "./patterns";
import type { SourcePlace } from "./protocol.gen";
import { Runs } from "./runs/runs";
import { onPythonChanged } from "./server/python";
import { Server } from "./server/server";
import { ServerStatus } from "./server/status";
import { Channels } from "./views/channels";
import { RunDocuments } from "./views/documents";
import { InlineText } from "./views/inlineText";
import { openPlace } from "./views/places";
import { LongRuns } from "./views/progress";
import { OPEN_PLACE, RunsTree } from "./views/runsTree";
import { StatusBar } from "./views/statusBar";

let stop: (() => Promise<void>) | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const { version } = context.extension.packageJSON as { version: string };
  const log = vscode.window.createOutputChannel("Geppetto", { log: true });
  // What the server's lenses call: they are there whatever has started the run.
  const server = new Server(context, log, {
    "geppetto.run": ([script]) => commands.run(script),
    "geppetto.cancel": ([runOrScript]) => commands.cancel(runOrScript),
    "geppetto.replay": ([runOrScript]) => commands.replay(runOrScript),
    "geppetto.clearOutput": ([runOrScript]) => commands.clear(runOrScript),
    "geppetto.showOutput": ([runOrScript]) => commands.showOutput(runOrScript),
  });
  const runs = new Runs(server);
  const channels = new Channels(runs);
  const inlineText = new InlineText(runs);
  const documents = new RunDocuments(server, runs);
  const commands = new RunCommands(server, runs, channels, inlineText);
  context.subscriptions.push(
    log,
    server,
    runs,
    channels,
    inlineText,
    documents,
    new ServerStatus(server, version, log),
    new RunsTree(runs),
    new StatusBar(runs),
    new LongRuns(runs),
    followPatterns(),
    runs.onDidChangeList(() => tellContext(runs)),
    runs.onDidSay(({ run, event }) => {
      if (event === undefined || event.kind === "end") tellOfFailure(run, runs, channels);
    }),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("geppetto.server") && server.state !== "stopped") void server.restart();
    }),
  );

  const handlers: { readonly [command: string]: (argument?: unknown, selected?: unknown) => unknown } = {
    "geppetto.runScript": (script) => commands.run(script),
    "geppetto.runWithParams": (script) => commands.runWithParams(script),
    "geppetto.runSelection": () => commands.runSelection(),
    "geppetto.runAgain": () => commands.runAgain(),
    "geppetto.replayRun": (run) => commands.replay(run),
    "geppetto.cancelRun": (run) => commands.cancel(run),
    "geppetto.cancelAllRuns": () => commands.cancelAll(),
    "geppetto.showRunOutput": (run) => commands.showOutput(run),
    "geppetto.clearRunOutput": (run) => commands.clear(run),
    "geppetto.copyRunOutput": (node) => {
      const [run] = commands.runsOf(node);
      return run && vscode.env.clipboard.writeText(runs.textOf(run));
    },
    "geppetto.openRunAsJson": (node) => {
      const [run] = commands.runsOf(node);
      return run && documents.openJson(run);
    },
    "geppetto.compareRuns": (node, selected) => compareRuns(runs, documents, node, selected),
    "geppetto.removeEndedRuns": () => runs.forget(runs.all),
    "geppetto.selectProfile": () => commands.selectProfile(),
    "geppetto.newScript": newScript,
    "geppetto.restartServer": () => server.restart(),
    "geppetto.showLog": () => log.show(),
    "geppetto.showReport": () => showReport(context, server, runs, documents),
    [OPEN_PLACE]: (id, there) => {
      const [run, place] = [runs.get(id as string), there as SourcePlace];
      return openPlace(run, place, run && inlineText.now(run, place));
    },
  };
  for (const [command, handler] of Object.entries(handlers)) {
    context.subscriptions.push(vscode.commands.registerCommand(command, handler));
  }

  stop = () => server.stop();
  const follow = (): void => {
    context.subscriptions.push(onPythonChanged(() => void server.restartIfElsewhere()));
  };
  const startFor = (document: vscode.TextDocument): void => {
    if (isScript(document) && server.state === "stopped") void server.start().then(follow);
  };
  context.subscriptions.push(vscode.workspace.onDidOpenTextDocument(startFor));
  vscode.workspace.textDocuments.forEach(startFor);
}

export async function deactivate(): Promise<void> {
  await stop?.();
}

/** For menus: the scripts that run, by path, as a window on another machine has other URIs. */
function tellContext(runs: Runs): void {
  const scripts = runs.goingOn.flatMap(({ origin: { uri } }) => {
    const script = uri === undefined ? undefined : vscode.Uri.parse(uri);
    return script === undefined ? [] : [script.fsPath, script.path];
  });
  void vscode.commands.executeCommand("setContext", "geppetto.runningScripts", scripts);
  void vscode.commands.executeCommand("setContext", "geppetto.isRunning", runs.goingOn.length > 0);
  void vscode.commands.executeCommand("setContext", "geppetto.hasRuns", runs.all.length > 0);
}
