/** What the views ask of VS Code while a model is faster than anybody reads, with a VS Code that counts. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LanguageClient } from "vscode-languageclient/node";
import type { RunEvent, RunEventParams } from "../src/protocol.gen";
import { newRun, type Step, take } from "../src/runs/model";
import { Runs } from "../src/runs/runs";
import type { Server } from "../src/server/server";
import { Channels } from "../src/views/channels";
import { InlineText } from "../src/views/inlineText";
import { RunsTree } from "../src/views/runsTree";
import { StatusBar } from "../src/views/statusBar";
import { delta, end, final, step } from "./events";

const { FILE, SCRIPT } = vi.hoisted(() => ({
  FILE: "/w/flood.geppetto.js",
  SCRIPT: "file:///w/flood.geppetto.js",
}));
const DELTA = "drizzle rain ";

const seen = vi.hoisted(() => ({
  appended: [] as string[],
  decorations: [] as {
    renderOptions: { after: { contentText: string } };
    hoverMessage: { value: string }[];
  }[][],
  statuses: [] as string[],
  view: { visible: true, appear: (_: { visible: boolean }) => undefined as unknown },
}));

vi.mock("vscode", () => {
  class EventEmitter<T> {
    listeners = new Set<(value: T) => unknown>();
    event = (listener: (value: T) => unknown): { dispose(): void } => {
      this.listeners.add(listener);
      return { dispose: () => this.listeners.delete(listener) };
    };
    fire(value: T): void {
      for (const listener of this.listeners) listener(value);
    }
    dispose(): void {
      this.listeners.clear();
    }
  }
  const never = (): { dispose(): void } => ({ dispose: () => undefined });
  const uri = (text: string): unknown => {
    const path = text.replace("file://", "");
    return { scheme: "file", path, fsPath: path, toString: () => text };
  };
  const document = {
    uri: uri(SCRIPT),
    languageId: "geppetto-javascript",
    lineCount: 5,
    lineAt: () => ({ range: { end: { line: 1, character: 20 } } }),
  };
  const editor = {
    document,
    setDecorations: (_: unknown, options: (typeof seen.decorations)[number]) =>
      seen.decorations.push(options),
  };
  return {
    EventEmitter,
    MarkdownString: class {
      constructor(readonly value: string) {}
    },
    Range: class {},
    ThemeColor: class {},
    ThemeIcon: class {},
    TreeItem: class {},
    DecorationRangeBehavior: {},
    StatusBarAlignment: {},
    TreeItemCollapsibleState: {},
    Uri: { parse: uri },
    window: {
      activeTextEditor: editor,
      visibleTextEditors: [editor],
      onDidChangeActiveTextEditor: never,
      onDidChangeVisibleTextEditors: never,
      createTextEditorDecorationType: never,
      createOutputChannel: () => ({
        append: (text: string) => seen.appended.push(text),
        appendLine: () => undefined,
        clear: () => undefined,
        dispose: () => undefined,
      }),
      createStatusBarItem: () => ({
        set text(value: string) {
          seen.statuses.push(value);
        },
        show: () => undefined,
        hide: () => undefined,
        dispose: () => undefined,
      }),
      createTreeView: () => ({
        get visible() {
          return seen.view.visible;
        },
        onDidChangeVisibility: (listener: typeof seen.view.appear) => {
          seen.view.appear = listener;
          return never();
        },
        dispose: () => undefined,
      }),
    },
    workspace: {
      asRelativePath: (path: string) => path,
      getConfiguration: () => ({ get: (_: string, otherwise: unknown) => otherwise }),
      onDidChangeConfiguration: never,
      onDidChangeTextDocument: never,
      onDidCloseTextDocument: never,
      onDidOpenTextDocument: never,
      onDidRenameFiles: never,
      onDidSaveTextDocument: never,
    },
  };
});

let runs: Runs;
let tell: (event: RunEvent) => void;
let opened: { dispose(): void }[];
let refreshed: number;

beforeEach(async () => {
  vi.useFakeTimers();
  let hear: (params: RunEventParams) => void = () => undefined;
  const client = {
    onNotification: (_: string, handler: typeof hear) => {
      hear = handler;
    },
    sendRequest: async () => ({ runId: "r" }),
  } as unknown as LanguageClient;
  const server = {
    onConnecting: (connect: (client: LanguageClient) => void) => {
      connect(client);
      return { dispose: () => undefined };
    },
    onDidChangeState: () => ({ dispose: () => undefined }),
  } as unknown as Server;
  runs = new Runs(server);
  const tree = new RunsTree(runs);
  refreshed = 0;
  tree.onDidChangeTreeData(() => refreshed++);
  opened = [runs, new Channels(runs), new InlineText(runs), tree, new StatusBar(runs)];
  let seq = 0;
  tell = (event) => hear({ runId: "r", seq: seq++, event });
  await runs.start(client, { uri: SCRIPT });
  tell(step("s", 2, 5, FILE));
});

afterEach(() => {
  for (const each of opened) each.dispose();
  vi.useRealTimers();
  Object.assign(seen, { appended: [], decorations: [], statuses: [] });
  seen.view.visible = true;
});

/** So many deltas in so many seconds. */
function flood(deltas: number, seconds: number): void {
  const turns = seconds * 100;
  for (let turn = 0, told = 0; turn < turns; turn++) {
    for (; told < (deltas * (turn + 1)) / turns; told++) tell(delta("s", DELTA));
    vi.advanceTimersByTime(10);
  }
}

describe("20 000 deltas in five seconds", () => {
  it("are drawn at rates that have a bound", () => {
    flood(20_000, 5);
    expect(seen.decorations.length).toBeGreaterThan(30);
    expect(seen.decorations.length).toBeLessThanOrEqual(10 * 5 + 2);
    expect(seen.appended.length).toBeLessThanOrEqual(10 * 5 + 2);
    expect(refreshed).toBeGreaterThan(5);
    expect(refreshed).toBeLessThanOrEqual(4 * 5);
    expect(seen.statuses.length).toBeLessThanOrEqual(4 * 5 + 2);
  });

  it("reach the output once, all of them", () => {
    flood(20_000, 5);
    const all = DELTA.repeat(20_000);
    tell(final("s", all));
    tell(end());
    const output = seen.appended.join("");
    expect(output.startsWith(all)).toBe(true);
    expect(output.length).toBeLessThan(all.length + 100);
    expect(runs.textOf(runs.all[0] ?? newRun("", { uri: undefined }, 0))).toBe(output);
  });

  it("are drawn as few characters, however long the answer is by then", () => {
    flood(20_000, 5);
    for (const [one] of seen.decorations) {
      expect(one?.renderOptions.after.contentText.length).toBeLessThanOrEqual(110);
      expect(one?.hoverMessage[0]?.value.length).toBeLessThanOrEqual(1200);
    }
  });

  it("leave the Runs view alone while nobody sees it, and it is whole again when it is seen", () => {
    vi.advanceTimersByTime(1000);
    refreshed = 0;
    seen.view.visible = false;
    flood(20_000, 5);
    expect(refreshed).toBe(0);
    seen.view.visible = true;
    seen.view.appear({ visible: true });
    vi.advanceTimersByTime(1000);
    expect(refreshed).toBe(1);
  });
});

describe("a line of the Runs view", () => {
  it("is told without its tooltip, which can be long, until that is asked for", () => {
    flood(2000, 1);
    const tree = opened.find((each) => each instanceof RunsTree);
    const [run] = tree?.getChildren() ?? [];
    const [said] = tree?.getChildren(run) ?? [];
    if (tree === undefined || said === undefined) throw new Error("The step is not there.");
    const item = tree.getTreeItem(said);
    expect(JSON.stringify(item).length).toBeLessThan(500);
    expect(tree.resolveTreeItem(item, said).tooltip).toContain(DELTA);
  });
});

it("A delta touches its own step alone, however many there are", () => {
  const run = newRun("r", { uri: SCRIPT }, 0);
  for (let i = 0; i < 1000; i++) take(run, step(`s${i}`), 0);
  let touched = 0;
  const counting: ProxyHandler<Step[]> = {
    get: (steps, key, receiver) => {
      touched++;
      return Reflect.get(steps, key, receiver) as unknown;
    },
  };
  const watched = { ...run, steps: new Proxy(run.steps, counting) };
  for (let i = 0; i < 20_000; i++) take(watched, delta(`s${i % 1000}`, DELTA), 0);
  expect(touched).toBe(0);
  expect(run.steps[7]?.text).toBe(DELTA.repeat(20));
});
