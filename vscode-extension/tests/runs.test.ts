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
  change: (_: unknown) => undefined as unknown,
}));

vi.mock("vscode", () => ({
  Uri: { parse: uri },
  EventEmitter: class {
    listeners: (() => unknown)[] = [];
    event = (listener: () => unknown) => this.listeners.push(listener);
    fire(): void {
      for (const listener of this.listeners) listener();
    }
  },
  workspace: {
    asRelativePath: ({ path }: { path: string }) => path.replace("/w/", ""),
    get textDocuments() {
      return code.documents;
    },
    onDidRenameFiles: (listener: typeof code.rename) => {
      code.rename = listener;
    },
    onDidSaveTextDocument: (listener: typeof code.save) => {
      code.save = listener;
    },
    onDidChangeTextDocument: (listener: typeof code.change) => {
      code.change = listener;
    },
  },
}));

function uri(text: string): vscode.Uri {
  const [scheme, path = ""] = text.replace("file://", "file:").split(":");
  const decoded = decodeURIComponent(path);
  return { scheme, path: decoded, fsPath: decoded, toString: () => text } as vscode.Uri;
}

const document = (name: string, text: string) => ({ uri: uri(name), text, getText: () => text });

/** VS Code tells of changes also if the text is the same, and only saved now. */
function changed(document: unknown): void {
  code.change({ document, contentChanges: [{}] });
}

let runs: Runs;
let lists: number;

async function started(script: string, id = "r"): Promise<void> {
  const client = { sendRequest: async () => ({ runId: id }) } as unknown as LanguageClient;
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

test("Scripts of one name are called by their paths, others by their names", async () => {
  await started("file:///w/a/x.geppetto.js", "a");
  await started("untitled:Untitled-1", "u");
  await started("file:///w/my%20x.geppetto.js", "m");
  expect(runs.all.map((run) => runs.nameOf(run))).toEqual([
    "my x.geppetto.js",
    "Untitled-1",
    "x.geppetto.js",
  ]);
  await started("file:///w/b/x.geppetto.js", "b");
  expect(runs.all.map((run) => runs.nameOf(run))).toEqual([
    "b/x.geppetto.js",
    "my x.geppetto.js",
    "Untitled-1",
    "a/x.geppetto.js",
  ]);
});

describe("The runs of an untitled script", () => {
  const saved = document("file:///w/a.geppetto.js", "one\n");

  test("are those of the file that it is saved as, once it is emptied", async () => {
    await started("untitled:Untitled-1");
    const untitled = { ...document("untitled:Untitled-1", "one"), getText: () => untitled.text };
    code.documents = [untitled, saved];
    code.save(saved);
    expect(runs.of(untitled.uri).length).toBe(1);
    code.change({ document: untitled, contentChanges: [] });
    untitled.text = ""; // as VS Code does
    changed(untitled);
    expect([runs.of(untitled.uri).length, runs.of(saved.uri).length, lists]).toEqual([0, 1, 1]);
  });

  test.each([
    ["two", ""],
    ["one", "one, and more"],
  ])("stay where they are if another is saved: %s, then %s", async (before, after) => {
    await started("untitled:Untitled-1");
    const untitled = { ...document("untitled:Untitled-1", before), getText: () => untitled.text };
    code.documents = [untitled, saved];
    code.save(saved);
    untitled.text = after;
    changed(untitled);
    untitled.text = "";
    changed(untitled);
    expect([runs.of(untitled.uri).length, runs.of(saved.uri).length, lists]).toEqual([1, 0, 0]);
  });
});
