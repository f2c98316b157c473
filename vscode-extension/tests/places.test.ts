import { posix } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { newRun } from "../src/runs/model";
import { openPlace } from "../src/views/places";

const seen = vi.hoisted(() => ({
  open: [] as string[],
  files: [] as string[],
  shown: [] as unknown[],
  messages: [] as string[],
}));

vi.mock("vscode", () => {
  const uri = (text: string): unknown => {
    const [scheme, path = ""] = text.replace("file://", "file:").split(":");
    return { scheme, path, fsPath: path, toString: () => text };
  };
  return {
    Position: class {
      constructor(
        readonly line: number,
        readonly character: number,
      ) {}
    },
    Range: class {
      constructor(readonly start: { line: number; character: number }) {}
    },
    Uri: {
      parse: uri,
      file: (path: string) => uri(`file://${path}`),
      joinPath: (base: { path: string }, name: string) => uri(`file://${posix.join(base.path, name)}`),
    },
    window: {
      showTextDocument: async (shown: unknown, options: { selection: { start: unknown } }) =>
        seen.shown.push([String(shown), options.selection.start]),
      showInformationMessage: async (message: string) => seen.messages.push(message),
    },
    workspace: {
      get textDocuments() {
        return seen.open.map((text) => ({ uri: uri(text) }));
      },
      getWorkspaceFolder: ({ path }: { path: string }) =>
        path.startsWith("/w/") ? { uri: uri("file:///w") } : undefined,
      fs: {
        stat: async (asked: { path: string }) => {
          if (!seen.files.includes(asked.path)) throw new Error("cannot open it");
        },
      },
    },
  };
});

beforeEach(() => {
  Object.assign(seen, { open: [], files: [], shown: [], messages: [] });
});

const script = (uri: string) => newRun("r", { uri }, 0);

describe("a place that a run has told", () => {
  test("is in the script, which may have no file", async () => {
    seen.open = ["untitled:Untitled-1"];
    await openPlace(script("untitled:Untitled-1"), { file: "/w/Untitled-1.geppetto.ts", line: 3, column: 5 });
    expect(seen.shown).toEqual([["untitled:Untitled-1", { line: 2, character: 4 }]]);
  });

  test.each([
    ["file:///w/sub/a.geppetto.js", "sub/lib.js", "/w/sub/lib.js"],
    ["file:///elsewhere/a.geppetto.js", "lib.js", "/elsewhere/lib.js"],
    ["file:///w/a.geppetto.js", "/shared/lib.js", "/shared/lib.js"],
  ])("is in what the script imports: %s, %s", async (uri, file, path) => {
    seen.files = [path];
    await openPlace(script(uri), { file, line: 1, column: 1 });
    expect(seen.shown).toEqual([[`file://${path}`, { line: 0, character: 0 }]]);
  });

  test("has moved with edits", async () => {
    seen.files = ["/w/a.js"];
    const place = { file: "/w/a.js", line: 1, column: 1 };
    await openPlace(script("file:///w/a.js"), place, { line: 3, character: 0 });
    expect(seen.shown).toEqual([["file:///w/a.js", { line: 3, character: 0 }]]);
  });

  test.each([
    ["untitled:Untitled-1", "/w/Untitled-1.geppetto.ts", "Untitled-1"],
    ["file:///w/a.geppetto.js", "/w/a.geppetto.js", "a.geppetto.js"],
  ])("is not there any more: %s", async (uri, file, name) => {
    await openPlace(script(uri), { file, line: 1, column: 1 });
    expect(seen.shown).toEqual([]);
    expect(seen.messages).toEqual([`${name} is not there any more.`]);
  });
});
