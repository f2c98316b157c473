import { describe, expect, test } from "vitest";
import type { RunEvent } from "../src/protocol.gen";
import { newRun, type Run, take } from "../src/runs/model";
import { childrenOf, type Line, lineOf, type Node } from "../src/runs/outline";
import { delta, end, error, failure, final, step, toolCall, toolResult } from "./events";

function run(...events: RunEvent[]): Run {
  const made = newRun("r", { uri: "file:///a.geppetto.js" }, 0);
  for (const event of events) take(made, event, 1000);
  return made;
}

const lines = (nodes: Node[]): Line[] => nodes.map((node) => lineOf(node, 2000, () => "a.geppetto.js"));
const labels = (nodes: Node[]): string[] => lines(nodes).map(({ label }) => label);

describe("the tree", () => {
  test("has steps below a run, and events and calls of tools below a step", () => {
    const made = run(
      step("a", 4),
      toolCall("a", "1"),
      toolResult("a", "1", "P-1"),
      delta("a", "It is\n\npine."),
      final("a", "It is\n\npine.", { input_tokens: 5, output_tokens: 4 }),
      { kind: "notice", text: "echo answers" },
      end("error", [error("bad")]),
    );
    const children = childrenOf({ kind: "run", run: made });
    expect(labels(children)).toEqual(["echo answers", "line 4", "TypeError: bad"]);
    expect(lines(children).map(({ description }) => description)).toEqual([
      "",
      "It is pine. · 4 tokens · 0.0 s",
      "line 3",
    ]);
    const [, below] = children;
    expect(below && labels(childrenOf(below))).toEqual(["start", 'find({"a":1})', "It is pine.", "final"]);
    expect(below && lines(childrenOf(below))[0]?.description).toMatch(/^chatStep · echo · /);
    expect(below && lines(childrenOf(below)).at(-1)?.description).toContain("5 in, 4 out");
  });

  test("tells what was told twice on two lines", () => {
    const made = run({ kind: "notice", text: "begun anew" }, { kind: "notice", text: "begun anew" });
    const told = lines(childrenOf({ kind: "run", run: made }));
    expect(told.map(({ label }) => label)).toEqual(["begun anew", "begun anew"]);
    expect(new Set(told.map(({ id }) => id)).size).toBe(2);
  });

  test("goes to the source", () => {
    const made = run(step("a", 4, 9), end("error", [error("bad", 7)]));
    expect(lines(childrenOf({ kind: "run", run: made })).map(({ place }) => place?.line)).toEqual([4, 7]);
  });

  test.each([
    [[step("a")], "sync~spin"],
    [[step("a"), end()], "pass"],
    [[step("a"), end("cancelled")], "circle-slash"],
    [[step("a"), failure("a", "x"), end("error")], "error"],
    [[{ kind: "queued", ahead: 1 } as const], "watch"],
  ])("shows how a run is by its icon", (events, icon) => {
    expect(lines([{ kind: "run", run: run(...events) }])[0]?.icon).toBe(icon);
  });

  test("lines keep their ids while a run goes on", () => {
    const made = run(step("a"), toolCall("a", "1"));
    const ids = (): string[] => {
      const [first] = childrenOf({ kind: "run", run: made });
      return first === undefined ? [] : lines([first, ...childrenOf(first)]).map(({ id }) => id);
    };
    const before = ids();
    take(made, toolResult("a", "1", "x"), 1100);
    take(made, delta("a", "text"), 1200);
    expect(ids().slice(0, before.length)).toEqual(before);
    expect(new Set(ids()).size).toBe(ids().length);
  });

  test("of a run with very many steps stays small", () => {
    const made = run(...Array.from({ length: 5000 }, (_, index) => step(`s${index}`)));
    expect(childrenOf({ kind: "run", run: made }).length).toBe(200);
  });
});
