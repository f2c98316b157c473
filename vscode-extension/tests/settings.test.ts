import { expect, test } from "vitest";
import { different, numberIn, textIn, textsIn } from "../src/settings";

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

test("settings that are given as what they are anyway do not differ", () => {
  const defaults: { [key: string]: unknown } = { list: ["a"], trace: "off", most: 100, rules: {} };
  const given: { [key: string]: unknown } = { list: ["a"], trace: "off", most: 50, rules: { x: "off" } };
  const settings = {
    get: (key: string) => given[key],
    inspect: (key: string) => ({ key, defaultValue: defaults[key], globalValue: given[key] }),
  };
  expect(different(Object.keys(defaults), settings)).toEqual([
    ["most", 50],
    ["rules", { x: "off" }],
  ]);
});
