import { describe, expect, test } from "vitest";
import type { DeclaredParam } from "../src/protocol.gen";
import { parseFree, problemWith, textOf, valueFor } from "../src/runs/asking";

function param(type: DeclaredParam["type"], required = false, label: string = type): DeclaredParam {
  return { name: "p", type, label, choices: [], required, default: null, description: "" };
}

describe("a typed param", () => {
  test.each([
    ["number", "1.5e3", "x"],
    ["number", "+.5", "0x10"],
    ["number", "1.", "1e400"],
    ["number", " 2 ", "Infinity"],
    ["integer", "-3", "1.5"],
    ["integer", "1e3", "0b1"],
    ["boolean", "Yes", "maybe"],
    ["array", "[1, 2]", "1, 2"],
    ["object", '{"a": 1}', "[1]"],
  ] as const)("%s takes %s and not %s", (type, good, bad) => {
    expect(problemWith(param(type), good)).toBeUndefined();
    expect(problemWith(param(type), bad)).toBeDefined();
  });

  test.each([
    ["string[]", '["a"]', "[1, 2]"],
    ["number[]", '[1, "2"]', '["x"]'],
    ["Array<integer>", "[1]", "[1.5]"],
    ["boolean[][]", "[[true]]", "[true]"],
    ["(string | number)[]", '["a", 1]', "{}"],
  ])("%s takes %s and not %s", (label, good, bad) => {
    expect(problemWith(param("array", false, label), good)).toBeUndefined();
    expect(problemWith(param("array", false, label), bad)).toBe(`a list (${label}) as JSON`);
  });

  test("may be left out, unless it is required", () => {
    expect([problemWith(param("integer"), " "), valueFor(param("integer"), " ")]).toEqual([
      undefined,
      undefined,
    ]);
    expect(problemWith(param("integer", true), "")).toBe("given");
    expect(valueFor(param("string"), "")).toBeUndefined();
    expect(valueFor(param("string", true), "")).toBe("");
  });

  test("goes to the server as what it stands for; text with its spaces", () => {
    expect(valueFor(param("string"), " a ")).toBe(" a ");
    expect(valueFor(param("integer"), " 3 ")).toBe(3);
    expect(valueFor(param("number"), "1.5e3")).toBe(1500);
    expect([valueFor(param("boolean"), "Yes"), valueFor(param("boolean"), "off")]).toEqual([true, false]);
    expect(valueFor(param("array", false, "number[]"), '[1, "2"]')).toEqual([1, 2]);
    expect(valueFor(param("object"), '{"a": 1}')).toEqual({ a: 1 });
    expect(valueFor(param("any"), " 3 ")).toBe("3");
  });

  test("starts with what was given before", () => {
    expect([textOf("x"), textOf(3), textOf([1]), textOf(null), textOf(undefined)]).toEqual([
      "x",
      "3",
      "[1]",
      "",
      "",
    ]);
  });
});

describe("params of a script that declares none", () => {
  test.each([
    ["", {}],
    ["name=Gina count:=3", { name: "Gina", count: 3 }],
    [`q="two words" r='x y' s=`, { q: "two words", r: "x y", s: "" }],
    ["url=http://a/?b=c", { url: "http://a/?b=c" }],
    ['{"a": [1]}', { a: [1] }],
  ])("%s", (text, expected) => {
    expect(parseFree(text)).toEqual(expected);
  });

  test.each(["name", "n:=x", "{"])("%s is refused", (text) => {
    expect(() => parseFree(text)).toThrow();
  });
});
