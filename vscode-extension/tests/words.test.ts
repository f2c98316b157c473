import { describe, expect, test } from "vitest";
import { newRun, take } from "../src/runs/model";
import { circumstances, dollars, seconds, tokens, waiting } from "../src/runs/words";

test("times, tokens and money", () => {
  expect([seconds(0.04), seconds(59.96), seconds(61), seconds(3600)]).toEqual([
    "0.0 s",
    "1 min 0 s",
    "1 min 1 s",
    "60 min 0 s",
  ]);
  expect([tokens(1), tokens(20_000)]).toEqual(["1 token", "20,000 tokens"]);
  expect([dollars(0.00042), dollars(1.5)]).toEqual(["$0.0004", "$1.50"]);
});

test("how many wait before it", () => {
  const run = newRun("r", { uri: undefined }, 0);
  const told = [0, 1, 2].map((ahead) => {
    take(run, { kind: "queued", ahead }, 0);
    return waiting(run);
  });
  expect(told).toEqual(["waiting for a free place", "waiting behind 1 other", "waiting behind 2 others"]);
});

describe("what sets a run apart", () => {
  test("from others of its script", () => {
    const run = newRun(
      "r",
      {
        uri: "file:///a.geppetto.js",
        params: { n: 1 },
        profile: "careful",
        replayOf: "q",
        lines: [3, 4],
      },
      0,
    );
    expect(circumstances(run)).toEqual(["replay", "lines 3–4", "profile careful", '{"n":1}']);
    run.origin = { uri: undefined, params: {}, lines: [3, 3] };
    expect(circumstances(run)).toEqual(["line 3"]);
  });
});
