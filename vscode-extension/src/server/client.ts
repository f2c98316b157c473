/** The language client, as Geppetto's server wants it. */
import * as vscode from "vscode";
import {
  type ClientCapabilities,
  CloseAction,
  ErrorAction,
  type ExecuteCommandSignature,
  LanguageClient,
  type LanguageClientOptions,
  type StaticFeature,
} from "vscode-languageclient/node";
import { SELECTOR } from "../languages";
import type { ServerProcess } from "./process";

/** Our settings that are the server's too; it complains about others. */
const SERVER_SETTINGS = ["filePatterns", "rules", "runsAtOnce"] as const;

/** What the lenses of the server call, when the user clicks on one. */
export type LensCommands = { readonly [command: string]: (args: unknown[]) => unknown };

export function createClient(
  server: ServerProcess,
  log: vscode.LogOutputChannel,
  lenses: LensCommands,
): LanguageClient {
  const execute = async (
    command: string,
    args: unknown[],
    next: ExecuteCommandSignature,
  ): Promise<unknown> => {
    const own = lenses[command];
    return own === undefined ? next(command, args) : own(args);
  };
  const options: LanguageClientOptions = {
    documentSelector: SELECTOR,
    initializationOptions: serverSettings(),
    outputChannel: log,
    synchronize: { configurationSection: "geppetto" },
    // Whoever started the process sees how it ends, and starts another.
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => ({ action: CloseAction.DoNotRestart, handled: true }),
    },
    initializationFailedHandler: () => false,
    stdioOptions: { stdout: () => undefined, stderr: () => undefined },
    middleware: {
      executeCommand: execute,
      workspace: {
        configuration: async (params, token, next) => {
          const answers = await next(params, token);
          if (!Array.isArray(answers)) return answers;
          return answers.map((answer, index) =>
            params.items[index]?.section === "geppetto" ? serverSettings() : answer,
          );
        },
      },
    },
  };
  const client = new GeppettoClient("geppetto", "Geppetto", async () => server.child, options);
  client.registerFeature(new ShowsRuns());
  return client;
}

/** Errors go to the log: what the user should know, and can do something about, is told elsewhere. */
class GeppettoClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

/** Tells the server that it need not draw runs into the text: this extension does. */
class ShowsRuns implements StaticFeature {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    capabilities.experimental = { ...capabilities.experimental, geppettoRuns: true };
  }
  initialize(): void {}
  getState(): { kind: "static" } {
    return { kind: "static" };
  }
  clear(): void {}
}

function serverSettings(): Record<string, unknown> {
  const settings = vscode.workspace.getConfiguration("geppetto");
  return Object.fromEntries(
    SERVER_SETTINGS.filter((name) => isSet(settings.inspect(name))).map((name) => [name, settings.get(name)]),
  );
}

/** The default stands in `geppetto.toml`, or in the server. */
function isSet(found: ReturnType<vscode.WorkspaceConfiguration["inspect"]>): boolean {
  return (
    found !== undefined &&
    [found.globalValue, found.workspaceValue, found.workspaceFolderValue].some((value) => value !== undefined)
  );
}
