/** Which script the runs of a window are of, with a VS Code that tells of its documents. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import type * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { Runs } from "../src/runs/runs";
import type { Server } from "../src/server/server";

const code = vi.hoisted(() => ({
  documents: [] as unknown[],
  rename: (_: unknown) => undefined as unknown,
  save: (_: unknown) => undefined as unknown,
  close: (_: unknown) => undefined as unknown,
}));

vi.mock("vscode", () => ({
  EventEmitter: class {
    listeners: (() => unknown)[] = [];
    event = (listener: () => unknown) => this.listeners.push(listener);
    fire(): void {
      for (const listener of this.listeners) listener();
    }
  },
  workspace: {
    asRelativePath: ({ path }: { path: string }) => path,
    get textDocuments() {
      return code.documents;
    },
    onDidRenameFiles: (listener: typeof code.rename) => {
      code.rename = listener;
    },
    onDidSaveTextDocument: (listener: typeof code.save) => {
      code.save = listener;
    },
    onDidCloseTextDocument: (listener: typeof code.close) => {
      code.close = listener;
    },
  },
}));

function uri(text: string): vscode.Uri {
  const [scheme, path = ""] = text.replace("file://", "file:").split(":");
  return { scheme, path, fsPath: path, toString: () => text } as vscode.Uri;
}

const document = (name: string, text: string) => ({ uri: uri(name), text, getText: () => text });

let runs: Runs;
let lists: number;

async function started(script: string): Promise<void> {
  const client = { sendRequest: async () => ({ runId: "r" }) } as unknown as LanguageClient;
  await runs.start(client, { uri: script });
  lists = 0;
}

beforeEach(() => {
  code.documents = [];
  runs = new Runs({ onConnecting: () => ({}), onDidChangeState: () => ({}) } as unknown as Server);
  runs.onDidChangeList(() => lists++);
});

test("The runs of a script that is renamed are found under its new name, and the views hear of it", async () => {
  await started("file:///w/a.geppetto.js");
  code.rename({ files: [{ oldUri: uri("file:///w"), newUri: uri("file:///v") }] });
  expect(runs.of(uri("file:///v/a.geppetto.js")).map(({ id }) => id)).toEqual(["r"]);
  expect(lists).toBe(1);
});

describe("The runs of an untitled script", () => {
  const saved = document("file:///w/a.geppetto.js", "one");

  test("are those of the file that it is saved as, once it is closed", async () => {
    await started("untitled:Untitled-1");
    const untitled = { ...document("untitled:Untitled-1", "one"), getText: () => untitled.text };
    code.documents = [untitled, saved];
    code.save(saved);
    expect(runs.of(untitled.uri).length).toBe(1);
    untitled.text = ""; // as VS Code does
    code.close(untitled);
    expect([runs.of(untitled.uri).length, runs.of(saved.uri).length, lists]).toEqual([0, 1, 1]);
  });

  test("stay where they are if it is closed unsaved", async () => {
    await started("untitled:Untitled-1");
    const untitled = document("untitled:Untitled-1", "two");
    code.documents = [untitled, saved];
    code.save(saved);
    code.close(untitled);
    expect([runs.of(untitled.uri).length, runs.of(saved.uri).length, lists]).toEqual([1, 0, 0]);
  });
});
