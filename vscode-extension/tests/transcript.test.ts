import { describe, expect, test } from "vitest";
import type { RunEvent } from "../src/protocol.gen";
import { Transcript } from "../src/runs/transcript";
import { delta, end, error, failure, final, interrupt, said, step, toolCall, toolResult } from "./events";

function text(...events: RunEvent[]): string {
  const transcript = new Transcript((file) => file.replace("/w/", ""));
  return events.map((event) => transcript.take(event)).join("");
}

const END = "── ok · 1.5 s · 7 tokens · $0.0020\n";

describe("the output of a run", () => {
  test("comes piece by piece", () => {
    const transcript = new Transcript();
    transcript.take(step("a"));
    expect(transcript.take(delta("a", "Hel"))).toBe("Hel");
    expect(transcript.take(delta("a", "lo"))).toBe("lo");
    expect(transcript.take(final("a", "Hello"))).toBe("\n");
  });

  test("gives console lines lines of their own", () => {
    const whole = text(
      said("begin"),
      step("a"),
      delta("a", "one "),
      said("between"),
      delta("a", "two"),
      final("a", "one two"),
      end(),
    );
    expect(whole).toBe(`begin\none \nbetween\ntwo\n${END}`);
  });

  test("streams at the same time take turns", () => {
    const whole = text(
      step("a"),
      step("b"),
      step("c"),
      delta("a", "one "),
      delta("b", "eins "),
      delta("c", "uno"),
      final("c", "uno"),
      delta("a", "two"),
      final("a", "one two"),
      delta("b", "zwei"),
      final("b", "eins zwei"),
      end(),
    );
    expect(whole).toBe(`one two\neins zwei\nuno\n${END}`);
  });

  test("has what had not ended too", () => {
    expect(text(step("a"), step("b"), delta("a", "one"), delta("b", "eins"), end())).toBe(
      `one\neins\n${END}`,
    );
  });

  test("shows the text of a step that did not stream it, but not twice", () => {
    expect(text(step("a"), final("a", "all at once"), end())).toBe(`all at once\n${END}`);
    expect(text(step("a"), delta("a", "all"), final("a", "all"), end())).toBe(`all\n${END}`);
    expect(text(step("a"), delta("a", "ha"), interrupt("a", "ha"), end())).toBe(`ha\n${END}`);
  });

  test("shows calls of tools and failures", () => {
    const whole = text(
      step("a"),
      delta("a", "let me see"),
      toolCall("a", "1"),
      toolResult("a", "1", "none", true),
      failure("a", "gone"),
      end(),
    );
    expect(whole).toBe(`let me see\n  → find({"a":1})\n  ✗ none\n  ✗ gone\n${END}`);
  });

  test("shows errors with their places, which the editor makes links of", () => {
    const whole = text(said("x"), end("error", [error("bad")]));
    expect(whole).toBe(
      "x\n✗ TypeError: bad\n    at a.geppetto.js:3:5\n    at a.geppetto.js:9:1\n  Look there.\n── error · 1.5 s · 7 tokens · $0.0020\n",
    );
  });

  test("says when the server has gone", () => {
    const transcript = new Transcript();
    transcript.take(step("a"));
    transcript.take(delta("a", "half"));
    expect(transcript.lost()).toBe("\n── lost: the language server has ended\n");
  });
});
