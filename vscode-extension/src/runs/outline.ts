/** The runs as a tree: run → steps, errors, notices → calls of tools. */
import type { RunError, SourcePlace } from "../protocol.gen";
import { isGoingOn, type Run, type Step, type ToolUse } from "./model";
import { errorText, oneLine, seconds, stepSummary, summary } from "./words";

export type Node =
  | { readonly kind: "run"; readonly run: Run }
  | { readonly kind: "step"; readonly run: Run; readonly step: Step }
  | { readonly kind: "tool"; readonly run: Run; readonly step: Step; readonly tool: ToolUse }
  | { readonly kind: "text"; readonly run: Run; readonly step: Step; readonly event: StepPart }
  | { readonly kind: "error"; readonly run: Run; readonly error: RunError }
  | { readonly kind: "notice"; readonly run: Run; readonly index: number };

/** What a step shows below itself, besides its calls of tools. */
export type StepPart = "start" | "said" | "ending";

/** What one line of the tree shows. */
export interface Line {
  /** Stays the same while the line does. */
  readonly id: string;
  readonly label: string;
  readonly description: string;
  /** A codicon's name and a theme colour's. */
  readonly icon: string;
  readonly color?: string;
  readonly hasChildren: boolean;
  readonly place?: SourcePlace | undefined;
}

/** Of long lists the last ones are shown. */
const MOST = 200;
const LABEL = 80;
/** Of what a step says, so that its tokens and time are seen too. */
const SAID = 24;

export function childrenOf(node: Node): Node[] {
  switch (node.kind) {
    case "run": {
      const { run } = node;
      const steps = run.steps.slice(-MOST).map((step): Node => ({ kind: "step", run, step }));
      const errors = run.errors.map((error): Node => ({ kind: "error", run, error }));
      // By its index: the same may be told twice, and VS Code takes no two lines of one id.
      const notices = run.notices.map((_, index): Node => ({ kind: "notice", run, index })).slice(-MOST);
      return [...notices, ...steps, ...errors];
    }
    case "step": {
      const { run, step } = node;
      const part = (event: StepPart): Node => ({ kind: "text", run, step, event });
      const parts: Node[] = [part("start")];
      for (const tool of step.tools.slice(-MOST)) parts.push({ kind: "tool", run, step, tool });
      if (step.text !== "") parts.push(part("said"));
      if (step.ending !== undefined) parts.push(part("ending"));
      return parts;
    }
    default:
      return [];
  }
}

/** @param name of a run's script. */
export function lineOf(node: Node, now: number, name: (run: Run) => string): Line {
  switch (node.kind) {
    case "run":
      return runLine(node.run, now, name(node.run));
    case "step":
      return stepLine(node.run, node.step, now);
    case "tool":
      return toolLine(node.run, node.step, node.tool);
    case "text":
      return partLine(node.run, node.step, node.event, now);
    case "error":
      return {
        id: `${node.run.id}/error/${node.run.errors.indexOf(node.error)}`,
        label: oneLine(errorText(node.error), LABEL * 2),
        description: node.error.place === null ? "" : `line ${node.error.place.line}`,
        icon: "error",
        color: "errorForeground",
        hasChildren: false,
        place: node.error.place ?? undefined,
      };
    case "notice":
      return {
        id: `${node.run.id}/notice/${node.index}`,
        label: oneLine(node.run.notices[node.index] ?? "", LABEL * 2),
        description: "",
        icon: "info",
        hasChildren: false,
      };
  }
}

function runLine(run: Run, now: number, name: string): Line {
  const time = new Date(run.began).toLocaleTimeString();
  const replay = run.origin.replayOf === undefined ? "" : "replay · ";
  return {
    id: run.id,
    label: name,
    description: `${replay}${summary(run, now)} · ${time}`,
    ...runIcon(run),
    // A line that is shown without children at first is not opened when they come.
    hasChildren: isGoingOn(run) || run.steps.length + run.errors.length + run.notices.length > 0,
  };
}

/** The sign of a run's state, here and in the status bar. */
export function runIcon(run: Run): { icon: string; color?: string } {
  if (run.state === "queued") return { icon: "watch" };
  if (isGoingOn(run)) return { icon: "sync~spin", color: "charts.blue" };
  switch (run.outcome) {
    case "ok":
      return { icon: "pass", color: "testing.iconPassed" };
    case "cancelled":
      return { icon: "circle-slash", color: "disabledForeground" };
    default:
      return { icon: "error", color: "testing.iconFailed" };
  }
}

function stepLine(run: Run, step: Step, now: number): Line {
  const ended = step.ending !== undefined;
  // Where it was started and what it says tell steps apart; most have the same name.
  const said = step.problem ?? step.text;
  return {
    id: `${run.id}/${step.id}`,
    label: step.place === null ? step.name : `line ${step.place.line}`,
    description: [oneLine(said, SAID), stepSummary(step, now)].filter(Boolean).join(" · "),
    ...(step.ending === "error"
      ? { icon: "error", color: "testing.iconFailed" }
      : !ended
        ? { icon: "sync~spin", color: "charts.blue" }
        : step.ending === "final"
          ? { icon: "comment" }
          : { icon: "circle-slash", color: "disabledForeground" }),
    hasChildren: true,
    place: step.place ?? undefined,
  };
}

function toolLine(run: Run, step: Step, tool: ToolUse): Line {
  const result = tool.result === undefined ? "…" : oneLine(tool.result, LABEL);
  return {
    id: `${run.id}/${step.id}/tool/${step.tools.indexOf(tool)}`,
    label: oneLine(`${tool.name}(${tool.input})`, LABEL),
    description: `${tool.hasFailed ? "✗" : "→"} ${result}`,
    icon: "tools",
    ...(tool.hasFailed ? { color: "errorForeground" } : {}),
    hasChildren: false,
    place: step.place ?? undefined,
  };
}

function partLine(run: Run, step: Step, part: StepPart, now: number): Line {
  const common = { id: `${run.id}/${step.id}/${part}`, hasChildren: false, place: step.place ?? undefined };
  switch (part) {
    case "start": {
      const first =
        step.spoke === undefined ? "" : ` · first text after ${seconds((step.spoke - step.began) / 1000)}`;
      const time = new Date(step.began).toLocaleTimeString();
      return {
        ...common,
        label: "start",
        description: `${step.name} · ${step.engine} · ${time}${first}`,
        icon: "debug-start",
      };
    }
    case "said":
      return {
        ...common,
        label: oneLine(step.text, LABEL),
        description: `${step.characters} characters`,
        icon: "quote",
      };
    case "ending": {
      const usage =
        step.usage === undefined ? "" : `${step.usage.input_tokens} in, ${step.usage.output_tokens} out`;
      const facts = [
        step.problem && oneLine(step.problem, LABEL * 2),
        step.stopReason,
        usage,
        stepSummary(step, now),
      ];
      return {
        ...common,
        label: step.ending ?? "",
        description: facts.filter(Boolean).join(" · "),
        icon: step.ending === "final" ? "check" : step.ending === "error" ? "error" : "circle-slash",
        ...(step.ending === "error" ? { color: "errorForeground" } : {}),
      };
    }
  }
}
