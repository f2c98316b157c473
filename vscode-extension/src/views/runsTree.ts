/** The Runs view. */
import * as vscode from "vscode";
import { isGoingOn, type Run } from "../runs/model";
import { childrenOf, lineOf, type Node } from "../runs/outline";
import type { Runs } from "../runs/runs";
import { circumstances, stepSummary, summary } from "../runs/words";
import { Pace } from "./pace";

const INTERVAL = 400;
/** Characters of an answer. */
const TOOLTIP = 4000;
/** A click on a line that has a place goes there. */
export const OPEN_PLACE = "geppetto.openPlace";

export class RunsTree implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<Node | undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #roots = new WeakMap<Run, Node>();
  readonly #stale = new Set<Run>();
  #isListStale = false;
  readonly #pace = new Pace(INTERVAL, () => this.#refresh());
  readonly #view: vscode.TreeView<Node>;
  readonly #subscriptions: vscode.Disposable[];

  constructor(private readonly runs: Runs) {
    this.#view = vscode.window.createTreeView("geppetto.runs", {
      treeDataProvider: this,
      canSelectMany: true,
      showCollapseAll: true,
    });
    this.#subscriptions = [
      this.#view,
      this.#view.onDidChangeVisibility(({ visible }) => {
        if (visible) this.#pace.soon();
      }),
      runs.onDidChangeList(() => {
        this.#isListStale = true;
        this.#pace.soon();
      }),
      runs.onDidSay(({ run }) => {
        this.#stale.add(run);
        this.#pace.soon();
      }),
    ];
  }

  getTreeItem(node: Node): vscode.TreeItem {
    const line = lineOf(node, Date.now(), (run) => this.runs.nameOf(run));
    const { Collapsed, Expanded, None } = vscode.TreeItemCollapsibleState;
    const isOpen = node.kind === "run" && this.runs.all[0] === node.run;
    const item = new vscode.TreeItem(line.label, line.hasChildren ? (isOpen ? Expanded : Collapsed) : None);
    item.id = line.id;
    item.description = line.description;
    item.iconPath = new vscode.ThemeIcon(
      line.icon,
      line.color === undefined ? undefined : new vscode.ThemeColor(line.color),
    );
    item.contextValue = node.kind === "run" ? (isGoingOn(node.run) ? "run.goingOn" : "run.ended") : node.kind;
    if (line.place !== undefined) {
      item.command = { command: OPEN_PLACE, title: "Go to Source", arguments: [node.run.id, line.place] };
    } else if (node.kind === "run") {
      item.command = { command: "geppetto.showRunOutput", title: "Show Output", arguments: [node] };
    }
    return item;
  }

  /** Tooltips can be long, and are made when the mouse rests on a line: not for every line at every refresh. */
  resolveTreeItem(item: vscode.TreeItem, node: Node): vscode.TreeItem {
    item.tooltip = tooltip(node);
    return item;
  }

  getChildren(node?: Node): Node[] {
    return node === undefined ? this.runs.all.map((run) => this.#rootOf(run)) : childrenOf(node);
  }

  getParent(node: Node): Node | undefined {
    return node.kind === "run" ? undefined : this.#rootOf(node.run);
  }

  dispose(): void {
    this.#pace.dispose();
    this.#changed.dispose();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #refresh(): void {
    const goingOn = this.runs.goingOn.length;
    this.#view.badge = goingOn === 0 ? undefined : { value: goingOn, tooltip: `${goingOn} going on` };
    const stale = [...this.#stale];
    this.#stale.clear();
    if (!this.#view.visible) {
      this.#isListStale = true; // all of it is told when it is seen again
      return;
    }
    if (this.#isListStale) {
      this.#isListStale = false;
      this.#changed.fire(undefined);
      return;
    }
    for (const run of stale) this.#changed.fire(this.#rootOf(run));
  }

  #rootOf(run: Run): Node {
    const known = this.#roots.get(run);
    if (known !== undefined) return known;
    const node: Node = { kind: "run", run };
    this.#roots.set(run, node);
    return node;
  }
}

/** The run of a line of the tree, or of whatever a command got. */
export function runIn(argument: unknown): Run | undefined {
  const node = argument as Partial<Node> | undefined;
  return typeof node === "object" && node !== null && "run" in node ? node.run : undefined;
}

function tooltip(node: Node): vscode.MarkdownString | string | undefined {
  switch (node.kind) {
    case "run": {
      const { run } = node;
      const path = run.origin.uri === undefined ? "" : vscode.Uri.parse(run.origin.uri).fsPath;
      const facts = [path, ...circumstances(run), summary(run, Date.now()), run.id];
      return facts.filter(Boolean).join("\n");
    }
    case "step": {
      const { step } = node;
      const what = [step.name, step.engine].filter(Boolean).join(" · ");
      const text = step.problem ?? step.text.slice(0, TOOLTIP);
      return [what, stepSummary(step, Date.now()), text && `\n${text}`].filter(Boolean).join("\n");
    }
    case "tool":
      return new vscode.MarkdownString()
        .appendCodeblock(`${node.tool.name}(${node.tool.input})`, "javascript")
        .appendCodeblock(node.tool.result ?? "", "json");
    case "text":
      return node.event === "said" ? node.step.text.slice(0, TOOLTIP) : undefined;
    case "error":
      return [node.error.message, node.error.hint].filter(Boolean).join("\n");
    default:
      return undefined;
  }
}
