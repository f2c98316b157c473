/** Geppetto: Show Diagnostics Report. What somebody who helps would ask for; nothing of it is sent anywhere. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as vscode from "vscode";
import { isScript } from "../languages";
import type { Runs } from "../runs/runs";
import type { Server } from "../server/server";
import { whereFrom } from "../server/status";
import { different } from "../settings";
import type { RunDocuments } from "../views/documents";

const DOCTOR_PATIENCE = 30_000;

interface Manifest {
  readonly version: string;
  readonly contributes: { readonly configuration: readonly { readonly properties: object }[] };
}

export async function showReport(
  context: vscode.ExtensionContext,
  server: Server,
  runs: Runs,
  documents: RunDocuments,
): Promise<void> {
  const content = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: "Geppetto: looking at everything" },
    () => report(context, server, runs),
  );
  await documents.openText("Geppetto diagnostics report.md", content);
}

async function report(context: vscode.ExtensionContext, server: Server, runs: Runs): Promise<string> {
  const { version, contributes } = context.extension.packageJSON as Manifest;
  const settings = vscode.workspace.getConfiguration();
  const keys = contributes.configuration.flatMap(({ properties }) => Object.keys(properties));
  const set = different(keys, settings).map(([key, value]) => `- ${key}: \`${JSON.stringify(value)}\``);
  const { found, failure } = server;
  const open = vscode.workspace.textDocuments.filter(isScript);
  const lines = [
    "# Geppetto: diagnostics report",
    "",
    "Names of folders are in here: look through it before you give it away.",
    "",
    `- extension ${version}, VS Code ${vscode.version} (${vscode.env.appName}), ${process.platform}-${process.arch}`,
    `- remote: ${vscode.env.remoteName ?? "no"}; workspace trusted: ${vscode.workspace.isTrusted ? "yes" : "no"}`,
    `- folders: ${vscode.workspace.workspaceFolders?.length ?? 0}; scripts open: ${open.length}`,
    "",
    "## Server",
    "",
    `- state: ${server.state}; version: ${server.version ?? "unknown"}; process: ${server.pid ?? "none"}`,
    `- command: ${found === undefined ? "not found" : `\`${[found.command, ...found.args].join(" ")}\`, ${whereFrom(found.source)}`}`,
    `- restarts: ${server.restarts}`,
    ...(failure === undefined
      ? []
      : [`- failure: ${failure.message}`, "", fenced(failure.stderr || "(no output)")]),
    "",
    "## Settings that differ from the defaults",
    "",
    ...(set.length === 0 ? ["none"] : set),
    "",
    "## Runs",
    "",
    `${runs.all.length} known, ${runs.goingOn.length} going on; outcomes: ${outcomes(runs) || "none"}`,
    "",
    "## geppetto doctor",
    "",
    fenced(await doctor(server)),
    "",
  ];
  return lines.join("\n");
}

async function doctor({ found }: Server): Promise<string> {
  if (found === undefined) return "There is no server to ask.";
  try {
    const cwd = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
    const options = {
      timeout: DOCTOR_PATIENCE,
      windowsHide: true,
      env: { ...process.env, NO_COLOR: "1" },
      cwd,
    };
    const { stdout } = await promisify(execFile)(found.command, [...found.args, "doctor"], options);
    return stdout;
  } catch (error) {
    // It fails if something is wrong, and then says what.
    const { stdout, message } = error as { stdout?: string; message: string };
    return stdout ? stdout : message;
  }
}

function outcomes(runs: Runs): string {
  const counts = new Map<string, number>();
  for (const { outcome } of runs.all)
    if (outcome !== undefined) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(", ");
}

function fenced(text: string): string {
  return `\`\`\`\`text\n${text.trim()}\n\`\`\`\``;
}
