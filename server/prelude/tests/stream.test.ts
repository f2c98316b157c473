import { afterEach, describe, expect, test } from "vitest";
import { event, final, Host, only, partial, type Message } from "./host";

let host: Host;
afterEach(() => host.close());

const started = (...events: Message[]): Message[] => [event(1, "start"), ...events];
const interrupted = (text: string): Message => event(1, "interrupt", { text });
const failed = (text: string, code?: string): Message => event(1, "error", { error_string: text, code });

/** Starts a script, then delivers each batch in a turn of its own; returns what was logged after the start. */
function play(body: string, ...batches: Message[][]): string[] {
  host = new Host();
  host.run(body);
  return lines(batches.flatMap((batch) => host.turn(...batch)));
}

function lines(said: readonly Message[]): string[] {
  return only(said, "log").flatMap(([, , text]) => (text as string).split("\n"));
}

describe("delivery", () => {
  test("a start goes to the host with its input, its options and its place", () => {
    host = new Host();
    const said = host.run(`const s = chatStep.startStream("Hi", { model: "m", onPartial() {} }); console.log(s.stepID);`);
    const [start] = only(said, "start");
    expect(start!.slice(1, 2).concat(start!.slice(3, 6))).toEqual([1, "chat", "Hi", { model: "m" }]);
    expect(start![2]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(lines(said)).toEqual([start![2]]);
    expect(start![6]).toMatch(/^ {4}at .*host/);
    expect(start![6]).not.toContain("prelude");
  });

  test("what is attached in the same turn, even after microtasks, misses nothing", () => {
    const got = play(
      `const s = chatStep.startStream("Hi", { onStart: () => console.log("handler start") });
       s.on("start", () => console.log("listener start"));
       await null; await null;
       s.on("partial", (e) => console.log("listener", e.delta, e.completion));
       for await (const e of s) console.log("loop", e.type);`,
      [event(1, "start"), partial(1, "a"), partial(1, "b"), final(1, "ab")],
    );
    expect(got).toEqual([
      "handler start",
      "listener start",
      "listener a a",
      "listener b ab",
      "loop start",
      "loop partial",
      "loop partial",
      "loop final",
    ]);
  });

  test("a late listener is not replayed to, but sees the rest and the final state", () => {
    const got = play(
      `const s = chatStep.startStream("Hi");
       setTimeout(() => { console.log(s.state, s.text); s.on("partial", (e) => console.log(e.delta, e.completion)); });
       setTimeout(async () => console.log(s.state, s.text, await s.finalText(), (await s.done()).type));`,
      started(partial(1, "a")),
      [["timer", 1]],
      [partial(1, "b"), final(1, "ab")],
      [["timer", 2]],
    );
    expect(got).toEqual(["running a", "b ab", "final ab ab final"]);
  });

  test("every iterator gets every event; a late one gets the past with its partials merged", () => {
    const got = play(
      `const s = chatStep.startStream("Hi");
       const show = (name) => tracked(async () => {
         for await (const e of s) console.log(name, e.type, e.delta ?? e.toolCall?.name ?? e.text ?? "");
       });
       show("A"); show("B");
       setTimeout(() => show("late")); setTimeout(() => show("after"));`,
      started(partial(1, "a"), partial(1, "b"), event(1, "tool-call", { tool_call: { id: "1", name: "t", input: "{}" } })),
      [partial(1, "c"), ["timer", 1]],
      [final(1, "abc")],
      [["timer", 2]],
    );
    const of = (name: string): string[] => got.filter((l) => l.startsWith(name)).map((l) => l.slice(name.length + 1));
    const all = ["start ", "partial a", "partial b", "tool-call t", "partial c", "final abc"];
    expect(of("A")).toEqual(all);
    expect(of("B")).toEqual(all);
    const merged = ["start ", "partial ab", "tool-call t", "partial c", "final abc"];
    expect(of("late")).toEqual(merged);
    expect(of("after")).toEqual(merged);
  });

  test("a slow reader's buffer is bounded by merging neighbours, and no text is lost", () => {
    const many = Array.from({ length: 500 }, (_, i) => partial(1, `${i},`));
    const text = many.map(([, , e]) => e.delta).join("");
    const got = play(
      `const s = chatStep.startStream("Hi", { bufferSize: 4 });
       const it = s[Symbol.asyncIterator]();
       const listened = []; s.on("partial", (e) => listened.push(e.delta));
       setTimeout(async () => {
         const events = []; for await (const e of it) events.push(e);
         console.log(events.map((e) => e.type).join());
         const partials = events.filter((e) => e.type === "partial");
         console.log(partials.map((e) => e.delta).join("") === ${JSON.stringify(text)});
         console.log(partials.every((e, i) => e.completion === partials.slice(0, i + 1).map((p) => p.delta).join("")));
         console.log(listened.length, listened.every((d, i) => d === i + ","));
       });`,
      started(...many),
      [event(1, "tool-result", { tool_result: { id: "1", result: 1 } }), partial(1, ""), final(1, text)],
      [["timer", 1]],
    );
    expect(got).toEqual([
      "start,partial,partial,partial,tool-result,partial,final",
      "true",
      "true",
      "501 false",
    ]);
  });

  test("once and off", () => {
    const got = play(
      `const s = chatStep.startStream("Hi"); const gone = () => console.log("never");
       s.once("partial", (e) => console.log("once", e.delta)).on("partial", gone).off("partial", gone);
       s.on("partial", function self(e) { console.log("until", e.delta); if (e.delta === "b") s.off("partial", self); });`,
      started(partial(1, "a"), partial(1, "b"), partial(1, "c")),
    );
    expect(got).toEqual(["once a", "until a", "until b"]);
  });

  test("next() called ahead of the events is answered in order", () => {
    const got = play(
      `const it = doubleStep.startStream(1)[Symbol.asyncIterator]();
       Promise.all([it.next(), it.next(), it.next(), it.next()]).then((r) => console.log(r.map((x) => x.value?.type ?? x.done).join()));`,
      started(partial(1, "x")),
      [final(1, "x")],
    );
    expect(got).toEqual(["start,partial,final,true"]);
  });
});

describe("cancelling", () => {
  test("cancel() settles when the terminal event was delivered, and is idempotent", () => {
    host = new Host();
    const said = host.run(
      `const s = chatStep.startStream("Hi", { onCancel: (e) => console.log("onCancel", e.text), onInterrupt: () => console.log("onInterrupt") });
       const a = s.cancel(); console.log(a === s.cancel());
       await a; console.log("cancelled", s.state); await s.cancel(); console.log(await s.finalText());`,
    );
    expect(only(said, "cancel")).toEqual([["cancel", 1]]);
    expect(lines(said)).toEqual(["true"]);
    const rest = host.turn(...started(partial(1, "so "), interrupted("so ")));
    expect(lines(rest)).toEqual(["onCancel so ", "onInterrupt", "cancelled interrupt", "so "]);
    expect(only(rest, "cancel")).toEqual([]);
  });

  test("leaving the only loop cancels", () => {
    host = new Host();
    host.run(`for await (const e of chatStep.startStream("Hi")) if (e.type === "partial") break; console.log("out");`);
    const said = host.turn(...started(partial(1, "a"), partial(1, "b")));
    expect(only(said, "cancel")).toEqual([["cancel", 1]]);
    expect(lines(said)).toEqual(["out"]);
    expect(host.turn(interrupted("ab")).map(([tag]) => tag)).toEqual([]);
  });

  test.each([
    ["another loop", `tracked(async () => { for await (const e of s); });`],
    ["a listener", `s.on("final", () => {});`],
    ["a waiter for the text", `s.finalText();`],
    ["a waiter for the end", `s.done();`],
  ])("but not while there is %s", (_name, consumer) => {
    host = new Host();
    host.run(`const s = chatStep.startStream("Hi"); ${consumer} for await (const e of s) break;`);
    expect(only(host.turn(...started(partial(1, "a"))), "cancel")).toEqual([]);
  });

  test("and not after the end", () => {
    host = new Host();
    host.run(`for await (const e of chatStep.startStream("Hi")) if (e.type === "final") break;`);
    expect(only(host.turn(...started(final(1, "a"))), "cancel")).toEqual([]);
  });

  test("a throw in the loop cancels and fails the script", () => {
    host = new Host();
    host.run(`for await (const e of chatStep.startStream("Hi")) throw new Error("mine");`);
    const said = host.turn(...started());
    expect(said.map(([tag]) => tag)).toEqual(["cancel", "main-failed"]);
  });

  test("an AbortSignal cancels, before the start and after", () => {
    host = new Host();
    const said = host.run(
      `const c = new AbortController(); doubleStep.startStream(1, { signal: c.signal }); c.abort();
       doubleStep.startStream(2, { signal: AbortSignal.abort() });`,
    );
    expect(said.map((m) => m.slice(0, 2))).toEqual([["start", 1], ["cancel", 1], ["start", 2], ["cancel", 2], ["main-done"]]);
  });

  test("a signal that aborts after the end does nothing", () => {
    host = new Host();
    host.run(`globalThis.c = new AbortController(); doubleStep.startStream(1, { signal: c.signal });`);
    host.turn(...started(final(1, "2")));
    expect(only(host.run(`c.abort();`), "cancel")).toEqual([]);
  });

  test("Ctrl-C cancels every live stream", () => {
    host = new Host();
    host.run(`doubleStep.startStream(1); doubleStep.startStream(2); doubleStep.startStream(3);`);
    host.turn(event(2, "start"), final(2, "4"));
    expect(host.turn(["interrupt"])).toEqual([["cancel", 1], ["cancel", 3]]);
  });

  test("asyncDispose waits for the end", () => {
    host = new Host();
    const said = host.run(`const s = chatStep.startStream("Hi"); await s[Symbol.asyncDispose](); console.log("gone", s.state);`);
    expect(said.map(([tag]) => tag)).toEqual(["start", "cancel"]);
    expect(lines(host.turn(...started(interrupted(""))))).toEqual(["gone interrupt"]);
  });
});

describe("errors", () => {
  test("an error event is yielded, not thrown", () => {
    const got = play(`for await (const e of chatStep.startStream("Hi")) console.log(e.type, e.error, e.code);`, started(failed("down", "server")));
    expect(got).toEqual(["start undefined undefined", "error down server"]);
    expect(only(host.said, "stream-error-unobserved")).toEqual([]);
  });

  test.each([`finalText`, `done`])("%s() rejects, with the place of the start", (method) => {
    const got = play(
      `function place() { return chatStep.startStream("Hi"); }
       try { await place().${method}(); } catch (e) { console.log(e.name, e.message, e.code, e instanceof Error, e.stack.includes("at place")); }`,
      started(failed("down", "server")),
    );
    expect(got).toEqual(["StepError down server true true"]);
  });

  test("an error nobody observes is posted with its place", () => {
    host = new Host();
    host.run(`function place() { chatStep.startStream("Hi").on("partial", () => {}); } place();`);
    const [report] = only(host.turn(...started(failed("down"))), "stream-error-unobserved");
    expect(report!.slice(0, 3)).toEqual(["stream-error-unobserved", 1, "down"]);
    expect(report![3]).toContain("at place");
  });

  test.each([
    ["a handler", `chatStep.startStream("Hi", { onError() {} });`],
    ["a listener", `chatStep.startStream("Hi").on("error", () => {});`],
    ["runWithEvents", `chatStep.runWithEvents("Hi", () => {});`],
    ["a loop", `for await (const e of chatStep.startStream("Hi"));`],
    ["a caught promise", `await chatStep.startStream("Hi").finalText().catch(() => {});`],
    ["a look within the same turn", `const s = chatStep.startStream("Hi"); s.cancel().then(() => s.finalText().catch(() => {}));`],
  ])("%s observes it", (_name, body) => {
    host = new Host();
    host.run(body);
    const said = host.turn(...started(failed("down")));
    expect(said.map(([tag]) => tag).filter((tag) => tag !== "main-done")).toEqual([]);
  });

  test("a finalText() nobody handles is an unhandled rejection, told once", () => {
    host = new Host();
    host.run(`chatStep.startStream("Hi").finalText();`);
    const said = host.turn(...started(failed("down")));
    expect(said.map(([tag]) => tag)).toEqual(["unhandled"]);
    expect(said[0]![1]).toMatchObject({ name: "StepError", message: "down" });
  });

  test("a handler that throws is reported, and the stream goes on", () => {
    host = new Host();
    host.run(
      `const s = chatStep.startStream("Hi", { onPartial() { throw new Error("mine"); } });
       s.on("partial", (e) => console.log("also", e.delta)); s.on("final", (e) => console.log(e.text));`,
    );
    const said = host.turn(...started(partial(1, "a"), final(1, "a")));
    expect(only(said, "uncaught").map(([, info, where]) => [info.text, where])).toEqual([
      ["Error: mine", "handler of 'partial'"],
    ]);
    expect(lines(said)).toEqual(["also a", "a"]);
  });

  test("an async handler that rejects is an unhandled rejection", () => {
    host = new Host();
    host.run(`chatStep.startStream("Hi").on("start", () => tracked(async () => { throw new Error("mine"); }));`);
    expect(only(host.turn(...started()), "unhandled")).toHaveLength(1);
  });

  test("wrong arguments name themselves and start nothing", () => {
    host = new Host();
    const said = host.run(`
      const s = chatStep.startStream("Hi");
      for (const wrong of [
        () => s.on("delta", () => {}), () => s.on("partial", 1), () => s.off("partial"),
        () => chatStep.startStream("Hi", 5), () => chatStep.startStream("Hi", { onPartial: 1 }),
        () => chatStep.startStream("Hi", { onFoo() {} }), () => chatStep.startStream("Hi", { signal: {} }),
        () => chatStep.startStream("Hi", { bufferSize: 0 }), () => chatStep.startStream(() => {}),
        () => chatStep.startStream(10n), () => doubleStep.startStream(NaN), () => chatStep.runWithEvents("Hi"),
        () => chatStep.startStream("Hi", { tools: [1] }),
      ]) try { wrong(); console.log("nothing"); } catch (e) { console.log(e.name + ": " + e.message.split(" must")[0]); }`);
    expect(only(said, "start")).toHaveLength(1);
    expect(lines(said)).toEqual([
      "TypeError: argument 'event'",
      "TypeError: argument 'handler'",
      "TypeError: argument 'handler'",
      "TypeError: argument 'options'",
      "TypeError: argument 'onPartial'",
      "TypeError: option 'onFoo' is a function, but there is no such handler",
      "TypeError: argument 'signal'",
      "TypeError: argument 'bufferSize'",
      "TypeError: argument 'input'",
      "TypeError: argument 'input' cannot be written as JSON",
      "TypeError: argument 'input'",
      "TypeError: argument 'handler'",
      "TypeError: argument 'options.tools'",
    ]);
  });
});

describe("event objects", () => {
  test("are camelCase, with the snake_case spellings readable but not shown", () => {
    const meta = { message_id: "m", parent_id: "p", engine: "e", top_p: 0.5, max_tokens: 9, stop_reason: "stop", usage: { input_tokens: 1, output_tokens: 2 } };
    const step = { step_id: "s", type: "t", input_type: "i", output_type: "o", meta: { k: 1 } };
    const got = play(
      `for await (const e of chatStep.startStream("Hi")) {
         console.log(JSON.stringify(e));
         console.log(e.meta.message_id, e.meta.parent_id, e.meta.top_p, e.meta.max_tokens, e.meta.stop_reason,
           e.meta.usage.input_tokens, e.meta.usage.output_tokens, e.step.step_id, e.step.input_type, e.step.output_type,
           e.step.meta.k, e.error_string);
       }`,
      [["ev", 1, { type: "error", meta, step, error_string: "down" }]],
    );
    expect(JSON.parse(got[0]!)).toEqual({
      type: "error",
      error: "down",
      meta: { messageId: "m", parentId: "p", engine: "e", topP: 0.5, maxTokens: 9, stopReason: "stop", usage: { inputTokens: 1, outputTokens: 2 } },
      step: { stepId: "s", type: "t", inputType: "i", outputType: "o", metadata: { k: 1 } },
    });
    expect(got[1]).toBe("m p 0.5 9 stop 1 2 s i o 1 down");
  });

  test("tool calls are parsed; what is not JSON leaves input undefined", () => {
    const call = (input: string): Message => event(1, "tool-call", { tool_call: { id: "1", name: "t", input } });
    const got = play(
      `chatStep.startStream("Hi").on("tool-call", ({ toolCall: t, tool_call: u }) => console.log(t.input, t.rawInput, t === u))
         .on("tool-result", (e) => console.log(e.toolResult, e.tool_result === e.toolResult));`,
      started(call('{"a":[1]}'), call("{oops"), event(1, "tool-result", { tool_result: { id: "1", result: { b: 2 } } })),
    );
    expect(got).toEqual(['{ a: [ 1 ] } {"a":[1]} true', "undefined {oops true", "{ id: '1', result: { b: 2 }, isError: false } true"]);
  });

  test("final events carry the step's output, or the text", () => {
    const got = play(
      `doubleStep.startStream(21).on("final", (e) => console.log(e.result + 1, e.text));
       chatStep.startStream("Hi").on("final", (e) => console.log(e.result));`,
      started(final(1, "42", 42)),
      [event(2, "start"), final(2, "text")],
    );
    expect(got).toEqual(["43 42", "text"]);
  });

  test("step and unchanged meta are one object throughout a stream's partials", () => {
    const got = play(
      `const seen = []; const s = chatStep.startStream("Hi").on("partial", (e) => seen.push(e));
       s.on("final", () => console.log(seen[0].step === seen[1].step, seen[0].meta === seen[1].meta));`,
      started(partial(1, "a"), partial(1, "b"), final(1, "ab")),
    );
    expect(got).toEqual(["true true"]);
  });
});

test("the host's mistakes are named", () => {
  host = new Host();
  expect(() => host.turn(["nonsense"])).toThrow(/does not know: "nonsense"/);
  expect(() => host.turn(event(9, "start"))).toThrow(/stream 9, which is not running/);
  host.run(`chatStep.startStream("Hi");`);
  host.turn(...started(final(1, "")));
  expect(() => host.turn(partial(1, "x"))).toThrow(/not running/);
});
