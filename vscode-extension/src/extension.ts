/** The extension: what there is, and how it hangs together. */
import * as vscode from "vscode";
import { RunCommands } from "./commands/run";
import { isScript } from "./languages";
import { Runs } from "./runs/runs";
import { Server } from "./server/server";
import { Channels } from "./views/channels";
import { InlineText } from "./views/inlineText";

let stop: (() => Promise<void>) | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel("Geppetto", { log: true });
  const server = new Server(context, log, {
    "geppetto.run": ([script]) => commands.run(script),
    "geppetto.cancel": () => commands.cancel(),
    "geppetto.replay": () => commands.replay(),
    "geppetto.clearOutput": () => commands.clear(),
  });
  const runs = new Runs(server);
  const channels = new Channels(runs);
  const inlineText = new InlineText(runs);
  const commands = new RunCommands(server, runs, channels, inlineText);
  const own: { readonly [command: string]: (argument?: never) => unknown } = {
    "geppetto.runScript": (argument?: unknown) => commands.run(argument),
    "geppetto.runAgain": () => commands.runAgain(),
    "geppetto.cancelRun": (run?: never) => commands.cancel(run),
    "geppetto.clearAllOutput": () => commands.clear(),
    "geppetto.restartServer": () => server.restart(),
    "geppetto.showLog": () => log.show(),
  };
  context.subscriptions.push(log, server, runs, channels, inlineText);
  for (const [command, handler] of Object.entries(own)) {
    context.subscriptions.push(vscode.commands.registerCommand(command, handler));
  }
  stop = () => server.stop();
  const startFor = (document: vscode.TextDocument): void => {
    if (isScript(document) && server.state === "stopped") void server.start();
  };
  context.subscriptions.push(vscode.workspace.onDidOpenTextDocument(startFor));
  vscode.workspace.textDocuments.forEach(startFor);
}

export async function deactivate(): Promise<void> {
  await stop?.();
}
