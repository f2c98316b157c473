import { describe, expect, test } from "vitest";
import type { RunEvent } from "../src/protocol.gen";
import { lose, MAX_TEXT, newRun, type Run, take } from "../src/runs/model";
import { summary, tokensSoFar } from "../src/runs/words";
import { delta, end, error, failure, final, interrupt, step, toolCall, toolResult } from "./events";

function run(...events: RunEvent[]): Run {
  const made = newRun("r", { uri: "file:///a.geppetto.js" }, 0);
  for (const [index, event] of events.entries()) take(made, event, (index + 1) * 100);
  return made;
}

describe("a run", () => {
  test("waits, goes on, and ends once", () => {
    const made = run({ kind: "queued", ahead: 2 });
    expect([made.state, summary(made, 1000)]).toEqual(["queued", "waiting behind 2 others · 1.0 s"]);
    take(made, { kind: "started", pid: 1 }, 1100);
    expect(made.state).toBe("running");
    take(made, end(), 1500);
    expect([made.state, made.outcome]).toEqual(["ended", "ok"]);
    expect(summary(made, 99_999)).toBe("ok · 1.5 s · 7 tokens · $0.0020");
  });

  test("collects the text of its steps, and how they ended", () => {
    const made = run(
      step("a"),
      step("b"),
      delta("a", "one "),
      delta("b", "eins"),
      delta("a", "two"),
      final("a", "one two"),
    );
    const [a, b] = made.steps;
    expect([a?.text, a?.ending, a?.ended, a?.spoke]).toEqual(["one two", "final", 600, 300]);
    expect([b?.text, b?.ending]).toEqual(["eins", undefined]);
    take(made, end("cancelled"), 900);
    expect([b?.ending, b?.ended, b?.text]).toEqual(["stopped", 900, "eins"]);
  });

  test("keeps what had come before a cancel or an error", () => {
    const made = run(
      step("a"),
      delta("a", "part"),
      interrupt("a", "partial"),
      step("b"),
      delta("b", "x"),
      failure("b", "rate limit"),
    );
    expect(made.steps.map(({ text, ending, problem }) => [text, ending, problem])).toEqual([
      ["partial", "interrupt", undefined],
      ["x", "error", "rate limit"],
    ]);
  });

  test("nothing comes after the end of a step", () => {
    const made = run(step("a"), final("a", "all"), delta("a", "more"), failure("a", "late"));
    expect([made.steps[0]?.text, made.steps[0]?.problem]).toEqual(["all", undefined]);
  });

  test("events of steps that it does not know are left alone", () => {
    expect(run(delta("?", "x"), final("?", "x")).steps).toEqual([]);
  });

  test("finds the call that a result of a tool belongs to", () => {
    const made = run(
      step("a"),
      toolCall("a", "1", "find"),
      toolCall("a", "2", "total"),
      toolResult("a", "1", "none", true),
    );
    expect(made.steps[0]?.tools.map(({ name, result, hasFailed }) => [name, result, hasFailed])).toEqual([
      ["find", "none", true],
      ["total", undefined, false],
    ]);
  });

  test("counts tokens as the steps tell, and guesses while they go on", () => {
    const made = run(step("a"), delta("a", "x".repeat(40)));
    expect(tokensSoFar(made)).toBe("~10 tokens");
    take(made, final("a", "x".repeat(40), { input_tokens: 2, output_tokens: 1234, cost: 0.5 }), 500);
    expect([tokensSoFar(made), made.inputTokens, made.costUsd]).toEqual(["1,234 tokens", 2, 0.5]);
  });

  test("that is begun anew has the steps of both attempts, and those of the first have stopped", () => {
    const started = { kind: "started", pid: 1 } as const;
    const made = run(started, step("a"), delta("a", "half"), started, step("b"), final("b", "whole"));
    expect(made.steps.map(({ text, ending }) => [text, ending])).toEqual([
      ["half", "stopped"],
      ["whole", "final"],
    ]);
  });

  test("is lost with the server, once", () => {
    const made = run(step("a"), delta("a", "part"));
    lose(made, 2000);
    lose(made, 9000);
    expect([made.outcome, made.seconds, made.steps[0]?.ending]).toEqual(["lost", 2, "stopped"]);
  });

  test("keeps its errors", () => {
    expect(run(end("error", [error("bad")])).errors[0]?.message).toBe("bad");
  });

  test("keeps the end of an endless text, and knows that it is cut", () => {
    const made = run(step("a"));
    for (let piece = 0; piece < 40; piece++)
      take(made, delta("a", String(piece % 10).repeat(100_000)), piece);
    const [only] = made.steps;
    expect(only?.characters).toBe(4_000_000);
    expect(only?.text.length).toBeLessThanOrEqual(MAX_TEXT * 1.25);
    expect([only?.isCut, only?.text.endsWith("9999")]).toEqual([true, true]);
  });

  test("a delta costs the same, however many there were", () => {
    const made = run(step("a"));
    const cost = (count: number): number => {
      const began = performance.now();
      for (let piece = 0; piece < count; piece++) take(made, delta("a", "word "), piece);
      return (performance.now() - began) / count;
    };
    cost(5_000); // compiled now
    const early = cost(20_000);
    cost(100_000);
    expect(cost(20_000)).toBeLessThan(20 * Math.max(early, 0.0005));
  });
});
