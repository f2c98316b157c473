import { describe, expect, test } from "vitest";
import type { RunEvent } from "../src/protocol.gen";
import { Edits, moved } from "../src/runs/drift";
import { CallSites, hover, label, runToShow } from "../src/runs/inline";
import { newRun, type Run, take } from "../src/runs/model";
import { oneLine } from "../src/runs/words";
import { delta, end, failure, final, interrupt, step, toolCall, toolResult } from "./events";

const FILE = "/a.geppetto.js";

const at = (line: number, character: number) => ({ line, character });
const LINE_ABOVE = { start: at(0, 0), end: at(0, 0), text: "// new\n" };

function run(...events: RunEvent[]): Run {
  const made = newRun("r", { uri: `file://${FILE}` }, 0);
  for (const event of events) take(made, event, 1000);
  return made;
}

function sites(...events: RunEvent[]): CallSites {
  return sitesIn(run(...events), new Edits());
}

function sitesIn(run: Run, edits: Edits): CallSites {
  edits.begin(run.id, run.origin.replayOf);
  return new CallSites(run, (file) => file === FILE, edits);
}

/** The lines of the steps, counted from 0. */
function places(made: CallSites): { [step: string]: number } {
  return Object.fromEntries(made.all.map(({ step: { id }, place }) => [id, place.line]));
}

function labels(made: CallSites, most = 20, room = 100): string[] {
  return made.all.map((site) => label(site, most, room, 2500));
}

describe("the text behind a call", () => {
  test("grows at its end while it streams, and is the beginning, tokens and time then", () => {
    const made = sites(step("a", 3, 7));
    expect(labels(made)).toEqual(["…"]);
    const [site] = made.all;
    expect(site?.place).toEqual({ line: 2, character: 6 });
    take(made.run, delta("a", "one two\n\nthree"), 1100);
    expect(labels(made)).toEqual(["one two three ▌"]);
    take(made.run, delta("a", " four five six"), 1200);
    expect(labels(made)).toEqual(["…three four five six ▌"]);
    take(made.run, final("a", "one two three four five six", { input_tokens: 1, output_tokens: 6 }), 2500);
    expect(labels(made)).toEqual(["one two three four…  · 6 tokens · 1.5 s"]);
  });

  test("says what tool is at work, what went wrong, and that it was cancelled", () => {
    const made = sites(step("a"), toolCall("a", "1"));
    expect(labels(made)).toEqual(['→ find({"a":1})']);
    take(made.run, toolResult("a", "1", "x"), 1000);
    expect(labels(made)).toEqual(["…"]);
    take(made.run, failure("a", "no such model"), 2000);
    expect(labels(made)).toEqual(["✗ no such model  · 1.0 s"]);
    expect(labels(sites(step("b"), delta("b", "half"), interrupt("b", "half")))).toEqual([
      "half  · cancelled · 0.0 s",
    ]);
  });

  test("of a call in a loop is that of the last time", () => {
    const made = sites(step("a", 2), final("a", "first"), step("b", 2), final("b", "second"), step("c", 5));
    expect(labels(made)).toEqual(["second  · 2 times · 0.0 s", "…"]);
  });

  test("leaves room for the numbers, where the line is long", () => {
    const made = sites(step("a"), final("a", "word ".repeat(100), { input_tokens: 1, output_tokens: 100 }));
    const [wide, narrow] = [labels(made, 100, 80)[0] ?? "", labels(made, 100, 5)[0] ?? ""];
    expect([wide.length <= 80 + 4, wide.endsWith("…  · 100 tokens · 0.0 s")]).toEqual([true, true]);
    expect(narrow).toBe("word word word word word word…  · 100 tokens · 0.0 s");
  });

  test("does not turn the direction of what follows", () => {
    const [text] = labels(sites(step("a"), final("a", "a \u202Eshalom \u05E9\u05DC\u05D5\u05DD")), 50);
    expect(text).toBe("\u2068a shalom \u05E9\u05DC\u05D5\u05DD\u2069  · 0.0 s");
  });

  test("is of the script alone, not of what it imports", () => {
    expect(
      sites(step("a", 1, 1, "/lib.js"), step("b", 1, 1, FILE)).all.map(({ step: { id } }) => id),
    ).toEqual(["b"]);
  });

  test("moves with edits, also for steps that start after them", () => {
    const edits = new Edits();
    const made = sitesIn(run(), edits);
    take(made.run, step("a", 5, 3), 1000);
    expect(places(made)).toEqual({ a: 4 });
    edits.add({ start: at(0, 0), end: at(0, 0), text: "// new\n\n" });
    take(made.run, step("b", 6, 1), 1100);
    expect(places(made)).toEqual({ a: 6, b: 7 });
    edits.add({ start: at(6, 0), end: at(7, 0), text: "" });
    expect(places(made)).toEqual({ b: 6 });
    expect([edits.now("r", at(5, 0)), edits.now("r", at(4, 2))]).toEqual([at(6, 0), undefined]);
    take(made.run, step("c", 5, 3), 1200);
    expect(places(made)).toEqual({ b: 6 });
  });

  test("moves with edits that were made before anybody looked", () => {
    const edits = new Edits();
    const made = run();
    edits.begin(made.id, undefined);
    edits.add(LINE_ABOVE);
    take(made, step("a", 5), 1000);
    expect(places(sitesIn(made, edits))).toEqual({ a: 5 });
  });

  test("is there again when what took its line away is undone", () => {
    const edits = new Edits();
    const made = sitesIn(run(step("a", 5, 3)), edits);
    const [deletion, undoing] = [
      { start: at(4, 0), end: at(5, 0), text: "" },
      { start: at(4, 0), end: at(4, 0), text: "  chatStep.run()\n" },
    ];
    edits.add(deletion);
    expect(places(made)).toEqual({});
    edits.undo(undoing);
    take(made.run, step("b", 6), 1100);
    expect(places(made)).toEqual({ a: 4, b: 5 });

    // A run that knows the text without the line has its places behind it.
    edits.add(deletion);
    const later = newRun("later", { uri: `file://${FILE}` }, 0);
    const others = sitesIn(later, edits);
    take(later, step("c", 5), 1200);
    edits.undo(undoing);
    expect([places(made), places(others)]).toEqual([{ b: 5 }, { c: 5 }]);

    // What undoes something else is an edit like others.
    edits.undo(LINE_ABOVE);
    expect(places(made)).toEqual({ b: 6 });
  });

  test("is at its place when the script is opened again, unless the text is another one then", () => {
    const edits = new Edits();
    const made = run(step("a", 5));
    edits.begin(made.id, undefined);
    edits.add(LINE_ABOVE);
    edits.close("text");
    edits.open("text");
    expect(places(sitesIn(made, edits))).toEqual({ a: 5 });
    edits.close("text");
    edits.open("other text");
    expect(places(sitesIn(made, edits))).toEqual({});
  });

  test("is shown of a run that has begun while the script was closed", () => {
    const edits = new Edits();
    edits.close("text");
    const made = run(step("a", 5));
    edits.begin(made.id, undefined);
    edits.open("what ran");
    expect(places(sitesIn(made, edits))).toEqual({ a: 4 });
  });

  test("of a replay is where the calls are now, and not where they were in the run", () => {
    const edits = new Edits();
    edits.begin("r", undefined);
    edits.add(LINE_ABOVE);
    const replay = newRun("again", { uri: `file://${FILE}`, replayOf: "r" }, 0);
    const made = sitesIn(replay, edits);
    take(replay, step("a", 5), 1000);
    edits.add(LINE_ABOVE);
    take(replay, step("b", 6), 1000);
    expect(places(made)).toEqual({ a: 6, b: 7 });
  });
});

describe("the run that is shown", () => {
  const speaking = run(step("a"));
  const waiting = run({ kind: "queued", ahead: 1 });

  test("is the newest", () => {
    expect(runToShow([])).toBeUndefined();
    const begun = run({ kind: "started", pid: 1 });
    const failed = run(end("error"));
    expect([runToShow([begun, speaking]), runToShow([failed, speaking])]).toEqual([begun, failed]);
  });

  test("is not one that waits, or that was cancelled while it did", () => {
    const givenUp = run({ kind: "queued", ahead: 1 }, end("cancelled"));
    expect(runToShow([waiting, givenUp, speaking])).toBe(speaking);
    take(waiting, { kind: "started", pid: 1 }, 2000);
    expect(runToShow([waiting, givenUp, speaking])).toBe(waiting);
  });
});

describe("an edit", () => {
  test.each([
    ["before, on the line", { start: at(1, 0), end: at(1, 0), text: "ab" }, at(1, 7)],
    ["a line break before", { start: at(1, 2), end: at(1, 2), text: "x\r\nyz" }, at(2, 5)],
    ["behind", { start: at(1, 6), end: at(1, 9), text: "" }, at(1, 5)],
    ["right at the place", { start: at(1, 5), end: at(1, 5), text: "x" }, at(1, 6)],
    ["over the place", { start: at(1, 4), end: at(1, 6), text: "x" }, undefined],
    ["lines above gone", { start: at(0, 0), end: at(1, 0), text: "" }, at(0, 5)],
  ])("%s", (_name, change, expected) => {
    expect(moved(at(1, 5), change)).toEqual(expected);
  });
});

describe("the hover", () => {
  test("shows all of it as Markdown, with the calls of tools", () => {
    const made = sites(
      step("a"),
      toolCall("a", "1"),
      toolResult("a", "1", "P-1 `x`"),
      final("a", "# Title\n\n- **bold**"),
    );
    const [site] = made.all;
    const text = site === undefined ? "" : hover(site, 2000);
    expect(text).toContain("**chatStep** · `echo` · 0.0 s");
    expect(text).toContain('- `find({"a":1})` → `` P-1 `x` ``');
    expect(text.endsWith("---\n\n# Title\n\n- **bold**")).toBe(true);
  });

  test("fetches no images that a model names", () => {
    const made = sites(step("a"), final("a", "![x](https://example.org/?secret=1)"));
    const [site] = made.all;
    expect(site && hover(site, 2000)).toContain("!\\[x](https://example.org/?secret=1)");
  });

  test("of a very long one shows whole lines: the last ones while it streams, then the first ones", () => {
    const long = Array.from({ length: 5000 }, (_, i) => `line ${i}`).join("\n");
    const made = sites(step("a"), delta("a", long));
    const shown = (): string =>
      made.all
        .map((site) => hover(site, 2000))
        .join()
        .split("---\n\n")[1] ?? "";
    expect(shown()).toMatch(/^\*…\d\d,\d+ characters before\*\n\nline \d+\n[\s\S]*line 4999$/);
    take(made.run, final("a", long), 2000);
    expect(shown()).toMatch(/^line 0\n[\s\S]*line \d+\n\n\*…\d\d,\d+ characters more in the output\*$/);
    expect(shown().length).toBeLessThan(20_000);
  });
});

describe("one line", () => {
  test("cuts no character in two", () => {
    expect(oneLine("😀😀😀😀", 4)).toBe("😀…");
    expect(oneLine("😀😀😀😀", 4, "end")).toBe("…😀");
  });
  test("of a long text is a part of it", () => {
    expect(oneLine("word ".repeat(1000), 10)).toBe("word word…");
    expect(oneLine(`${"\n".repeat(1000)}x`, 10)).toBe("…");
  });
});
