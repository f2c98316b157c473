import { readFileSync } from "node:fs";
import { formatWithOptions, inspect } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { event, final, Host, only, partial } from "./host";

let host: Host;
afterEach(() => host.close());

const logs = (body: string): string[] => (host = new Host()).logs(body);

describe("console", () => {
  test.each([
    `"plain", "strings"`, `"%s is %d and %i, %f, %j %o %O %% %c.", "a", 42.5, 42.5, "1.5", {a:1}, [1], {b:{c:{}}}, "css"`, `"100%", "sure"`, `"%s"`,
    `"n", 5, -1.5, true, null, undefined`, `"zero", 0, -0`, `5`, `null`, `undefined`, `0`, `-0`,
    `1, -0, null, undefined, true, 10n, Symbol("x")`, `{a:{b:{c:{d:1}}}}`, `[1,,3]`, `new Map([[{a:1},"b"]]), new Set([1])`, `[undefined, null]`,
    `(() => { const o = {}; o.self = o; return o; })()`, `function foo() {}, class A {}, class B extends Array {}`, `"multi\\nline", ["multi\\nline"]`,
    `new Date(0), /x/g, new Uint8Array(3)`, `Object.create(null), Object.create({ constructor: undefined })`, `{ get a() { return 1 }, set b(v) {} }`,
    `"a".repeat(200).split("")`, `{ [Symbol.for("nodejs.util.inspect.custom")]: () => "custom" }`, `new (class Foo { x = 1 })()`,
  ])("shows %s as Node does", (args) => {
    const expected = formatWithOptions({}, ...(new Function(`return [${args}]`)() as unknown[]));
    expect(logs(`console.log(${args})`).join("\n")).toBe(expected);
  });

  test("errors come with their stack, without the prelude's frames", () => {
    const text = logs(`doubleStep.startStream(1); const e = new TypeError("bad", { cause: "why" }); console.log(e)`).join("\n");
    expect(text).toMatch(/^TypeError: bad\n {4}at .*\n/);
    expect(text).toContain("[cause]: 'why'");
    expect(text).not.toContain("geppetto:prelude");
  });

  test("levels; neighbours of one level travel together", () => {
    host = new Host();
    expect(host.run(`console.log("a"); console.log("b"); console.error("c"); console.debug("d"); console.info("e"); console.warn("f")`).slice(0, -1)).toEqual([
      ["log", "log", "a\nb"], ["log", "error", "c"], ["log", "debug", "d"], ["log", "info", "e"], ["log", "warn", "f"],
    ]);
  });

  test("group, count, assert", () => {
    expect(
      logs(`console.group("G"); console.log("a\\nb"); console.group(); console.log("c"); console.groupEnd(); console.groupEnd(); console.groupEnd(); console.log("d");
        console.count(); console.count("x"); console.count(); console.countReset(); console.count();
        console.assert(true, "no"); console.assert(false); console.assert(0, "%s!", "text"); console.assert("", { a: 1 });`),
    ).toEqual([
      "G", "  a", "  b", "    c", "d", "default: 1", "x: 1", "default: 2", "default: 1",
      "Assertion failed", "Assertion failed: text!", "Assertion failed: { a: 1 }",
    ]);
  });

  test("time", () => {
    host = new Host();
    host.run(`console.time("t");`);
    const after = (ms: number, body: string): string[] => {
      host.evaluate(`clock.now += ${ms}`);
      return host.logs(body);
    };
    expect(after(1204, `console.timeLog("t", 1)`)).toEqual(["t: 1.204s 1"]);
    expect(after(60_000, `console.timeEnd("t"); console.timeEnd("t");`)).toEqual([
      "t: 1:01.204 (m:ss.mmm)",
      "Warning: No such label 't' for console.timeEnd()",
    ]);
  });

  test("trace names the caller", () => {
    const [head, frame] = logs(`function place() { console.trace("why %s", "me") } place()`);
    expect(head).toBe("Trace: why me");
    expect(frame).toContain("at place");
  });

  test("dir takes options", () => {
    expect(logs(`console.dir({a:{b:{c:{d:1}}}}, {depth:null})`).join("\n")).toBe(inspect({ a: { b: { c: { d: 1 } } } }, { depth: null }));
  });

  test("tables", () => {
    expect(logs(`console.table([{ a: 1, b: "x" }, { a: "宽", c: true }, 5])`)).toEqual([
      "┌─────────┬──────┬─────┬──────┬────────┐",
      "│ (index) │ a    │ b   │ c    │ Values │",
      "├─────────┼──────┼─────┼──────┼────────┤",
      "│ 0       │ 1    │ 'x' │      │        │",
      "│ 1       │ '宽' │     │ true │        │",
      "│ 2       │      │     │      │ 5      │",
      "└─────────┴──────┴─────┴──────┴────────┘",
    ]);
    expect(logs(`console.table([{ a: 1, b: 2 }], ["b"]); console.table(5); console.table(new Map([["k", 1]]))`).slice(3, 6)).toEqual([
      "│ 0       │ 2 │", "└─────────┴───┘", "5",
    ]);
  });

  test("what cannot be shown does not throw", () => {
    const got = logs(
      `console.log({ get a() { throw new Error("x") } }); console.log(new Proxy({}, { get() { throw 1 }, ownKeys() { throw 2 }, getOwnPropertyDescriptor() { throw 3 }, getPrototypeOf() { throw 4 } }));
       console.log({ [Symbol.for("nodejs.util.inspect.custom")]() { throw new Error("custom") } }); console.log("still here")`,
    );
    expect(got[0]).toBe("{ a: [Getter] }");
    expect(got.at(-1)).toBe("still here");
  });
});

describe("timers", () => {
  test("setTimeout, its arguments, and clearing", () => {
    host = new Host();
    const said = host.run(`setTimeout((a, b) => console.log(a, b), 5, "x", "y"); clearTimeout(setTimeout(() => console.log("never"), 7)); setTimeout(() => {}); setImmediate(() => {}); clearTimeout(99); clearTimeout();`);
    expect(said.slice(0, -1)).toEqual([["timer", 1, 5], ["timer", 2, 7], ["untimer", 2], ["timer", 3, 1], ["timer", 4, 0]]);
    expect(host.turn(["timer", 1])).toEqual([["log", "log", "x y"]]);
    expect(host.turn(["timer", 1], ["timer", 2])).toEqual([]);
  });

  test("setInterval asks again until it is cleared, also from within", () => {
    host = new Host();
    host.run(`let n = 0; const id = setInterval(() => { console.log(++n); if (n === 2) clearInterval(id); }, 10);`);
    expect(host.turn(["timer", 1])).toEqual([["log", "log", "1"], ["timer", 1, 10]]);
    expect(host.turn(["timer", 1])).toEqual([["log", "log", "2"], ["untimer", 1]]);
    expect(host.turn(["timer", 1])).toEqual([]);
  });

  test("a throw is reported; an interval goes on; a wrong callback is a TypeError", () => {
    host = new Host();
    host.run(`setInterval(() => { throw new Error("mine") }, 3);`);
    const [uncaught, again] = host.turn(["timer", 1]);
    expect([uncaught![0], uncaught![1].text, uncaught![2], again]).toEqual(["uncaught", "Error: mine", "timer", ["timer", 1, 3]]);
    expect(host.logs(`for (const f of [setTimeout, setInterval, setImmediate, queueMicrotask]) try { f("code") } catch (e) { console.log(e.message) }`)).toHaveLength(4);
  });

  test("queueMicrotask runs before timers, and reports a throw", () => {
    host = new Host();
    const said = host.run(`queueMicrotask(() => { console.log("micro"); throw new Error("mine") }); console.log("now");`);
    expect(said.map(([tag, a]) => (tag === "log" ? a : tag))).toEqual(["log", "log", "uncaught", "main-done"]);
  });
});

describe("modules", () => {
  test("run once, in order, with live exports in cycles", () => {
    host = new Host();
    host.define("a", `console.log("a"); exports.name = "a"; exports.b = require("./b").seen;`, { "./b": "b" }, false);
    host.define("b", `console.log("b"); exports.seen = require("./a").name;`, { "./a": "a" }, false);
    host.evaluate(`__geppetto.defineJson("data", { x: [1] })`);
    host.define("main", `console.log(require("./a").b, require("./a") === require("./a"), require("./d.json").x);`, { "./a": "a", "./d.json": "data" });
    expect(only(host.turn(["main", "main"]), "log").map((m) => m[2])).toEqual(["a\nb\na true [ 1 ]"]);
  });

  test("those with a top-level await are awaited ahead of their importers", () => {
    host = new Host();
    host.define("slow", `await null; await null; exports.value = 1; console.log("slow");`);
    host.define("mid", `console.log("mid", require("./slow").value);`, { "./slow": "slow" }, false);
    host.define("main", `console.log("main", require("./mid") !== undefined);`, { "./mid": "mid" });
    expect(only(host.turn(["main", "main"]), "log").map((m) => m[2])).toEqual(["slow\nmid 1\nmain true"]);
  });

  test("import() waits too, and rejects for what is missing", () => {
    host = new Host();
    host.define("slow", `await null; exports.value = 1;`);
    host.define("main", `console.log((await require.import("./slow")).value); try { await require.import("./no") } catch (e) { console.log(e.code) } try { require("./no") } catch (e) { console.log(e.message) }`, { "./slow": "slow" });
    expect(only(host.turn(["main", "main"]), "log").map((m) => m[2])).toEqual(["1\nMODULE_NOT_FOUND\nCannot find module './no' imported by main"]);
  });

  test("a module that throws fails everyone who needs it, with the same error", () => {
    host = new Host();
    host.define("bad", `throw new Error("bad");`, {}, false);
    host.define("main", `let first; try { require("./bad") } catch (e) { first = e } try { require("./bad") } catch (e) { console.log(e === first) } require("./bad");`, { "./bad": "bad" });
    const said = host.turn(["main", "main"]);
    expect(said[0]).toEqual(["log", "log", "true"]);
    expect(said[1]![1].message).toBe("bad");
  });
});

describe("the port", () => {
  test("a long turn sends what it has on the way, in order, however large", async () => {
    host = new Host();
    await host.answer({});
    const said = host.run(`for (let i = 0; i < 40_000; i++) console.log("line " + i); console.error("é😀\\ud800".repeat(400_000)); console.log("end");`);
    const flushed = (await host.requests()).flatMap(([, messages]) => messages as [string, string, string][]);
    expect(flushed.length).toBeGreaterThan(2);
    const all = [...flushed, ...(said as typeof flushed)].filter(([tag]) => tag === "log");
    const text = all.filter(([, level]) => level === "log").map(([, , t]) => t).join("\n");
    expect(text).toBe([...Array.from({ length: 40_000 }, (_, i) => `line ${i}`), "end"].join("\n"));
    expect(all.find(([, level]) => level === "error")![2]).toBe("é😀\ud800".repeat(400_000));
  });

  test("a turn that lasts sends what it has", async () => {
    host = new Host();
    await host.answer({});
    host.run(`console.log("early"); clock.now += 31; console.log("late");`);
    expect((await host.requests())[0]).toEqual(["flush", [["log", "log", "early\nlate"]]]);
  });

  test("replies longer than the mailbox arrive whole", async () => {
    host = new Host();
    const vector = Array.from({ length: 300_000 }, (_, i) => i % 100);
    await host.answer({ embed: ["ok", [vector]] });
    expect(only(host.run(`const v = embeddings.generateEmbedding("x"); console.log(v.length, v[299_999]);`), "log")[0]![2]).toBe("300000 99");
  });
});

describe("the web platform", () => {
  test("is there, and is left alone until it is used", () => {
    expect(
      logs(`const toString = Function.prototype.toString;
        console.log(new URL("../b?x=1#h", "https://example.org/a/c").href, new URLSearchParams({ a: "1" }).toString(), URL.canParse("x"));
        console.log(structuredClone({ m: new Map([[1, new Date(0)]]), e: new RangeError("x"), u: new Uint8Array([1]) }));
        try { structuredClone(() => {}) } catch (e) { console.log(e.name, e instanceof DOMException, e instanceof Error) }
        console.log(new TextDecoder().decode(new TextEncoder().encode("hé😀")), atob(btoa("hi")), performance.now() >= 0);
        console.log(Function.prototype.toString === toString, Object.keys(globalThis).join(), "__core-js_shared__" in globalThis);`).slice(0, 1),
    ).toEqual(["https://example.org/b?x=1#h a=1 false"]);
    expect(host.said.flatMap((m) => (m[0] === "log" ? [m[2] as string] : [])).join("\n")).toMatch(/Map\(1\) \{ 1 => 1970[^]*DataCloneError true true\nhé😀 hi true\ntrue clock false/);
  });

  test("assigning a lazy global replaces it, and the others still load", () => {
    expect(logs(`URL = 5; console.log(URL, typeof URLSearchParams, typeof structuredClone, URL)`)).toEqual(["5 function function 5"]);
  });

  test("AbortSignal", () => {
    const got = logs(`
      const c = new AbortController(); const any = AbortSignal.any([c.signal, new AbortController().signal]);
      any.addEventListener("abort", (e) => console.log("any", e.type, any.reason)); any.onabort = () => console.log("on");
      c.signal.addEventListener("abort", () => { throw new Error("mine") }, { once: true });
      console.log(c.signal.aborted, any.aborted, c.signal instanceof AbortSignal, c.signal instanceof EventTarget);
      queueMicrotask(() => {});
      try { new AbortSignal() } catch (e) { console.log(e.name) }
      try { AbortSignal.abort().throwIfAborted() } catch (e) { console.log(e.name, e instanceof DOMException) }
      console.log(AbortSignal.any([AbortSignal.abort("r")]).reason, Object.getOwnPropertyNames(AbortSignal).sort().join());`);
    expect(got).toEqual(["false false true true", "TypeError", "AbortError true", "r abort,any,length,name,prototype,timeout"]);
    const said = host.run(`const c = new AbortController(); AbortSignal.any([c.signal]).onabort = () => console.log("on");
      c.signal.addEventListener("abort", () => { throw new Error("mine") }); c.abort("why"); c.abort("again"); console.log(c.signal.reason)`);
    expect(only(said, "uncaught")[0]!.slice(2)).toEqual(["event listener"]);
    expect(only(said, "log").map((m) => m[2]).join("\n")).toBe("on\nwhy");
    const timed = host.run(`globalThis.s = AbortSignal.timeout(50);`);
    expect(timed[0]).toEqual(["timer", 1, 50, false]);
    host.turn(["timer", 1]);
    expect(host.logs(`console.log(s.aborted, s.reason.name)`)).toEqual(["true TimeoutError"]);
  });

  test("what a script should not have is gone", () => {
    expect(logs(`console.log(typeof WebAssembly, typeof Atomics.waitAsync, typeof fetch, typeof process, typeof require("x" in {} ? "" : "m"))`.replace(/, typeof require.*\)/, ")"))).toEqual(["undefined undefined undefined undefined"]);
  });
});

test("a script that patches the built-ins breaks only itself", () => {
  host = new Host();
  const ran = host.run(`
    const evil = () => { throw new Error("patched") };
    const { ownKeys, getOwnPropertyDescriptor, defineProperty } = Reflect;
    const protos = [Map.prototype, Set.prototype, String.prototype, Array.prototype, RegExp.prototype, Function.prototype];
    for (let i = 0; i < protos.length; i++) {
      const keys = ownKeys(protos[i]);
      for (let j = 0; j < keys.length; j++) {
        const descriptor = getOwnPropertyDescriptor(protos[i], keys[j]);
        if (typeof descriptor.value !== "function" || !descriptor.configurable || keys[j] === "constructor") continue;
        descriptor.value = evil;
        defineProperty(protos[i], keys[j], descriptor);
      }
    }
    JSON.stringify = JSON.parse = Date.now = Math.random = Object.keys = Object.freeze = Reflect.apply = evil;
    Object.prototype.toJSON = evil; Promise.resolve = evil; String.fromCharCode = evil; Error.prepareStackTrace = evil;
    globalThis.s = chatStep.startStream("Hi"); s.on("final", (e) => console.log("final", e.text)); s.finalText();
    setTimeout(() => console.log("timer"), 5);`);
  expect(ran.map(([tag]) => tag)).toEqual(["start", "timer", "main-done"]);
  const said = host.turn(event(1, "start"), partial(1, "a"), final(1, "a"));
  expect(said).toEqual([["log", "log", "final a"]]);
  expect(host.turn(["timer", 1])).toEqual([["log", "log", "timer"]]);
});

test("every member of the typings has its documentation and an example", () => {
  const source = readFileSync(new URL("../../../typings/geppetto.d.ts", import.meta.url), "utf8").split("\n");
  const bare = source.filter((line, i) => {
    const member = /^ {2}(?:static |readonly )*(?:constructor|\[?[\w.]+\]?)[?]?(?:<.*>)?[(:]/.test(line) && !/^ {2}(private|\|)/.test(line);
    const declaration = /^(?:declare )?(?:interface|class|type|const|function) /.test(line);
    if (!member && !declaration) return false;
    let start = i - 1;
    if (source[start]!.trim() !== "*/") return true;
    while (!source[start]!.trim().startsWith("/**")) start--;
    return !source.slice(start, i).some((doc) => doc.includes("@example"));
  });
  expect(bare.filter((line) => !/^ {2}(callback|delay|definition|\.\.\.args)/.test(line))).toEqual([]);
});
