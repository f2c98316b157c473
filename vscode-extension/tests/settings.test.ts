import { expect, test } from "vitest";
import { numberIn, textIn, textsIn } from "../src/settings";

test.each([
  [20, 20],
  [1, 10],
  [1e9, 1000],
  ["abc", 100],
  [Number.NaN, 100],
  [null, 100],
  [undefined, 100],
])("%j as a number from 10 to 1000 is %j", (value, expected) => {
  expect(numberIn(value, 10, 1000, 100)).toBe(expected);
});

test.each([
  [["*.prompt.js"], ["*.prompt.js"]],
  [[], []],
  ["notalist", ["*.js"]],
  [["a", 1], ["*.js"]],
  [null, ["*.js"]],
])("%j as a list of texts is %j", (value, expected) => {
  expect(textsIn(value, ["*.js"])).toEqual(expected);
});

test("a text that is none is empty", () => {
  expect([textIn(" a "), textIn(3), textIn(null), textIn(undefined)]).toEqual(["a", "", "", ""]);
});
