import { afterEach, describe, expect, test } from "vitest";
import { event, final, Host, only, partial, type Message } from "./host";

let host: Host;
afterEach(() => host.close());

function lines(said: readonly Message[]): string[] {
  return only(said, "log").flatMap(([, , text]) => (text as string).split("\n"));
}

describe("steps", () => {
  test("runWithEvents returns the step's id at once and sees every event", () => {
    host = new Host();
    const said = host.run(`console.log(typeof doubleStep.runWithEvents(21, (e) => console.log(e.type)));`);
    expect(lines(said)).toEqual(["string"]);
    expect(lines(host.turn(event(1, "start"), final(1, "42", 42)))).toEqual(["start", "final"]);
  });

  test("startAsync collects, rejects on error and on cancel", () => {
    host = new Host();
    host.run(`console.log(await doubleStep.startAsync(21));`);
    expect(lines(host.turn(event(1, "start"), final(1, "42", 42)))).toEqual(["[ 42 ]"]);
    host.run(`try { await doubleStep.startAsync(1); } catch (e) { console.log(e.name, e.message); }`);
    expect(lines(host.turn(event(2, "start"), event(2, "error", { error_string: "down" })))).toEqual(["StepError down"]);
    host.run(`try { await doubleStep.startAsync(1); } catch (e) { console.log(e.name, e.code); }`);
    expect(lines(host.turn(event(3, "start"), event(3, "interrupt", { text: "" })))).toEqual(["AbortError ABORT_ERR"]);
  });

  test("startWithCallbacks calls back and returns a cancel function", () => {
    host = new Host();
    const body = `const cancel = doubleStep.startWithCallbacks(21, {
      onResult: (r) => console.log("result", r), onError: (e) => console.log("error", e.name, e.message),
      onDone: () => console.log("done"), onCancel: () => console.log("cancel") });`;
    host.run(body);
    expect(lines(host.turn(event(1, "start"), final(1, "42", 42)))).toEqual(["result 42", "done"]);
    host.run(body);
    expect(lines(host.turn(event(2, "start"), event(2, "error", { error_string: "x" })))).toEqual(["error StepError x", "done"]);
    expect(only(host.run(`${body} cancel();`), "cancel")).toEqual([["cancel", 3]]);
    expect(lines(host.turn(event(3, "start"), event(3, "interrupt", { text: "" })))).toEqual(["cancel", "done"]);
  });

  test("startBlocking waits in the mailbox; what was said before arrives first", async () => {
    host = new Host();
    const last = event(0, "final", { text: "42", result: 42 })[2];
    await host.answer({ "run-step": ["ok", { events: [event(0, "start")[2], last] }] });
    const said = host.run(`console.log("before"); console.log(doubleStep.startBlocking(21));`);
    const requests = await host.requests();
    expect(requests.map(([method]) => method)).toEqual(["flush", "run-step"]);
    expect(requests[0]![1]).toEqual([["log", "log", "before"]]);
    expect(requests[1]![1].slice(0, 3)).toEqual(["double", 21, {}]);
    expect(lines(said)).toEqual(["[ 42 ]"]);
  });

  test("startBlocking throws the step's error, and the host's", async () => {
    host = new Host();
    await host.answer({ "run-step": ["ok", { events: [event(0, "error", { error_string: "down" })[2]] }] });
    expect(lines(host.run(`try { doubleStep.startBlocking(1) } catch (e) { console.log(e.name, e.message) }`))).toEqual(["StepError down"]);
    expect(lines(host.run(`try { embeddings.generateEmbedding("x") } catch (e) { console.log(e.message) }`))).toEqual(["no embed"]);
  });

  test("a factory's options reach its steps, and the call's win", () => {
    host = new Host();
    const said = host.run(
      `new ChatStepFactory({ model: "a", temperature: 1 }).newStep({ model: "b", maxTokens: 5 }).startStream("Hi", { maxTokens: 6 });
       try { new ChatStepFactory().newStep({ signal: 5 }) } catch (e) { console.log(e.message) }`,
    );
    expect(only(said, "start")[0]![5]).toEqual({ model: "b", temperature: 1, maxTokens: 6 });
    expect(lines(said)).toEqual(["argument 'signal' must be an AbortSignal, not 5"]);
  });

  test("a global can come later", () => {
    host = new Host();
    host.turn(["global", { global: "later", ref: "r", kind: "object", inputType: "any", outputType: "any" }]);
    expect(only(host.run(`later.startStream({ a: 1 });`), "start")[0]!.slice(3, 5)).toEqual(["r", { a: 1 }]);
  });
});

describe("tools", () => {
  const DEFINE = `const clock = defineTool({ name: "clock", description: "The time", parameters: { type: "object" },
    handler: (input) => tracked(async () => { if (input.fail) throw new TypeError("no time"); return { now: input.zone }; }) });`;

  test("are told to the host, run for it, and their failures are answers", () => {
    host = new Host();
    const said = host.run(DEFINE);
    expect(only(said, "tool-defined")).toEqual([
      ["tool-defined", { name: "clock", description: "The time", parameters: { type: "object" } }],
    ]);
    expect(host.turn(["tool", 7, "clock", { zone: "UTC" }])).toEqual([["tool-ok", 7, { now: "UTC" }]]);
    const [error] = host.turn(["tool", 8, "clock", { fail: true }]);
    expect(error!.slice(0, 2)).toEqual(["tool-err", 8]);
    expect(error![2]).toMatchObject({ name: "TypeError", message: "no time" });
    expect(host.turn(["tool", 9, "nothing", {}])[0]![0]).toBe("tool-err");
  });

  test("results must be JSON; no result is null", () => {
    host = new Host();
    host.run(`defineTool({ name: "a", description: "", handler() {} }); defineTool({ name: "b", description: "", handler: () => 1n });`);
    expect(host.turn(["tool", 1, "a", {}])).toEqual([["tool-ok", 1, null]]);
    expect(host.turn(["tool", 2, "b", {}])[0]!.slice(0, 2)).toEqual(["tool-err", 2]);
  });

  test("are offered by name or handle; left out, the host decides", () => {
    host = new Host();
    const said = host.run(`${DEFINE} chatStep.startStream("a", { tools: [clock, "other"] }); chatStep.startStream("b");`);
    expect(only(said, "start").map((m) => m[5])).toEqual([{ tools: ["clock", "other"] }, {}]);
  });

  test("a wrong definition defines nothing", () => {
    host = new Host();
    const said = host.run(`${DEFINE} for (const d of [undefined, { name: "a b" }, { name: "clock" }, { name: "x" },
      { name: "x", description: "" }, { name: "x", description: "", parameters: 1, handler() {} }])
      try { defineTool(d) } catch (e) { console.log(e.name, e.message.match(/'(\\w+)'/)[1]) }`);
    expect(only(said, "tool-defined")).toHaveLength(1);
    expect(lines(said)).toEqual(["definition", "name", "name", "description", "handler", "parameters"].map((n) => `TypeError ${n}`));
  });
});

describe("conversations", () => {
  test("messages are the flat objects of the guide", () => {
    host = new Host();
    const got = host.logs(
      `const c = new Conversation();
       const a = c.AddMessage("user", "Hello", { id: "a", time: "2024-01-01T01:00:00+01:00", metadata: { k: 1 } });
       c.AddToolUse("t1", "search", { q: "x" }); const r = c.AddToolResult("t1", "found");
       const [m, u, t] = c.GetMessages();
       console.log(JSON.stringify(m), m.time instanceof Date, u.parentID === "a", t.parentID === u.id);
       console.log(u.type, u.toolID, u.name, u.input, u.toolType, t.type, t.toolID, t.result);
       console.log(c.GetMessageView(a)); console.log(c.GetMessageView(u.id)); console.log(c.GetMessageView(r));
       m.text = "changed"; m.metadata.k = 2; console.log(c.GetMessages()[0].text, c.GetMessages()[0].metadata.k);
       c.UpdateMetadata(a, { processed: true }); console.log(c.GetMessages()[0].metadata);
       console.log(c.GetSinglePrompt());`,
    );
    const time = "2024-01-01T00:00:00.000Z";
    expect(JSON.parse(got[0]!.slice(0, got[0]!.lastIndexOf("}") + 1))).toEqual({
      id: "a", parentID: "", time, lastUpdate: time, metadata: { k: 1 }, type: "chat-message", role: "user", text: "Hello",
    });
    expect(got[0]).toMatch(/ true true true$/);
    expect(got.slice(1)).toEqual([
      "tool-use t1 search { q: 'x' } function tool-result t1 found",
      "[user]: Hello",
      'ToolUseContent{ToolID: t1, Name: search, Input: {"q":"x"}, Type: function}',
      "ToolResultContent{ToolID: t1, Result: found}",
      "Hello 1",
      "{ k: 1, processed: true }",
      "[user]: Hello",
      'ToolUseContent{ToolID: t1, Name: search, Input: {"q":"x"}, Type: function}',
      "ToolResultContent{ToolID: t1, Result: found}",
      "",
    ]);
  });

  test("parentID sets the parent: a branch hides its siblings from the model", () => {
    host = new Host();
    const said = host.run(
      `const c = new Conversation(); const q = c.addMessage("user", "Q"); const a = c.addMessage("assistant", "A");
       c.addMessage("assistant", "B", { parentID: q });
       console.log(c.getMessages().map((m) => m.text).join(), c.getThread().map((m) => m.text).join(), c.getThread(a).map((m) => m.text).join());
       chatStep.startStream(c); chatStep.startStream(c.toGoConversation()); console.log(Object.isFrozen(c.toConversation()));`,
    );
    expect(lines(said)).toEqual(["Q,A,B Q,B Q,A", "true"]);
    const [first, second] = only(said, "start");
    expect(first![4].conversation.map((m: { text: string }) => m.text)).toEqual(["Q", "B"]);
    expect(second![4]).toEqual(first![4]);
  });

  test("a wrong argument is named, and nothing changes", () => {
    host = new Host();
    const got = host.logs(
      `const c = new Conversation(); const id = c.addMessage("user", "x", { id: "i" }); const before = JSON.stringify(c);
       for (const wrong of [
         () => c.addMessage("robot", "x"), () => c.addMessage("user"), () => c.addMessage("user", "x", { time: "yesterday" }),
         () => c.addMessage("user", "x", { time: "2024-13-01T00:00:00Z" }), () => c.addMessage("user", "x", { parentID: "nobody" }),
         () => c.addMessage("user", "x", { id: "i" }), () => c.addMessage("user", "x", { id: 5 }), () => c.addMessage("user", "x", { metadata: [] }),
         () => c.addToolUse("", "n", {}), () => c.addToolUse("t", "n", "text"), () => c.addToolResult("t", 5),
         () => c.getMessageView("nobody"), () => c.updateMetadata("nobody", {}), () => c.updateMetadata(id, 5),
         () => c.addMessageWithImage("user", "x", 5), () => c.addMessage("user", "x", 5),
       ]) try { wrong(); console.log("nothing"); } catch (e) { console.log(e.name, e.message.split("'")[1]); }
       console.log(JSON.stringify(c) === before);`,
    );
    const names = ["role", "text", "time", "time", "parentID", "id", "id", "metadata", "toolID", "input", "result", "id", "id", "metadata", "image", "options"];
    expect(got).toEqual([...names.map((name) => `TypeError ${name}`), "true"]);
  });

  describe("addAnswer", () => {
    const call = (no: number, id: string, input: string): Message =>
      event(no, "tool-call", { tool_call: { id, name: "price", input } });
    const result = (no: number, id: string, value: unknown, is_error?: true): Message =>
      event(no, "tool-result", { tool_result: { id, result: value, is_error } });
    const ASK = `const c = new Conversation(); const q = c.addMessage("user", "Q", { id: "q" });`;
    const SHOW = `const show = (c) => { for (const m of c.getMessages()) console.log(
      [m.id.length > 9 ? "" : m.id, m.role ?? m.type, m.text ?? m.result ?? JSON.stringify(m.input), JSON.stringify(m.metadata)].join("|")); };`;

    test("adds the rounds of an answer as the model knows them", () => {
      host = new Host();
      host.run(`${SHOW}${ASK} console.log(await c.addAnswer(chatStep.startStream(c), { metadata: { k: 1 } })); show(c);
        const t = c.getThread(); console.log(t.length, t.every((m, i) => m.parentID === (t[i - 1]?.id ?? "")));`);
      const said = host.turn(
        event(1, "start"), partial(1, "Let me "), partial(1, "see."), call(1, "a", '{"wood":"pine"}'), call(1, "b", "[1]"),
        result(1, "b", "no object", true), result(1, "a", { euros: 12.5 }), call(1, "c", "{}"), result(1, "c", null),
        partial(1, "\n\nIt is 12.5."), final(1, "Let me see.\n\nIt is 12.5."),
      );
      expect(lines(said)).toEqual([
        "m1",
        "q|user|Q|{}",
        "|assistant|Let me see.|{}",
        '|tool-use|{"wood":"pine"}|{}',
        '|tool-use|{}|{"raw_input":"[1]"}',
        '|tool-result|{"euros":12.5}|{}',
        '|tool-result|no object|{"is_error":true}',
        "|tool-use|{}|{}",
        "|tool-result|null|{}",
        'm1|assistant|It is 12.5.|{"k":1}',
        "9 true",
      ]);
    });

    test("keeps the text of a plain answer to the letter, streamed or not, once", () => {
      host = new Host();
      host.run(`${SHOW}${ASK} const s = chatStep.startStream(c); await s.done(); await c.addAnswer(s); show(c);
        try { await c.addAnswer(s) } catch (e) { console.log(e.name, e.message) }`);
      expect(lines(host.turn(event(1, "start"), final(1, " A \n")))).toEqual([
        "q|user|Q|{}", "m1|assistant| A ", '|{}',
        "TypeError the answer of this stream is in the conversation already",
      ]);
    });

    test("hangs an answer below what was asked; a foreign one below the last", () => {
      host = new Host();
      const answers = (no: number, parent_id: string, message_id: string): Message => {
        const last = final(no, "A");
        last[2].meta = { ...last[2].meta, parent_id, message_id };
        return last;
      };
      host.run(`${ASK} const s = chatStep.startStream(c); c.addMessage("user", "later", { id: "l" });
        c.addAnswer(s); c.addAnswer(chatStep.startStream("else")); c.addAnswer(chatStep.startStream("else"), { parentID: "q", id: "own" })
          .then(() => console.log(c.getMessages().map((m) => m.id + "<-" + m.parentID).join(" ")));`);
      const said = host.turn(
        event(1, "start"), answers(1, "q", "m1"), event(2, "start"), answers(2, "", "m2"), event(3, "start"), answers(3, "", "m3"),
      );
      expect(lines(said)).toEqual(["q<- l<-q m1<-q m2<-m1 own<-q"]);
    });

    test("a cancelled answer is added as far as it came, without calls that nobody answered", () => {
      host = new Host();
      host.run(`${SHOW}${ASK} const s = chatStep.startStream(c); const added = c.addAnswer(s); s.cancel(); console.log(await added); show(c);`);
      const said = host.turn(
        event(1, "start"), partial(1, "Well"), call(1, "a", "{}"), call(1, "b", "{}"), result(1, "b", "done"),
        event(1, "interrupt", { text: "Well" }),
      );
      expect(lines(said)).toEqual(["m1", "q|user|Q|{}", "|assistant|Well|{}", "|tool-use|{}|{}", "|tool-result|done|{}", "m1|assistant||{}"]);
    });

    test("rejects with the step's error, and nothing is added; a wrong argument throws at once", () => {
      host = new Host();
      host.run(`${ASK} const s = chatStep.startStream(c);
        for (const wrong of [() => c.addAnswer("text"), () => c.addAnswer(), () => c.addAnswer({ stepID: "x" }), () => c.addAnswer(s, { parentID: "nobody" })])
          try { wrong(); console.log("nothing"); } catch (e) { console.log(e.name, e.message.split("'")[1]); }
        try { await c.addAnswer(s); } catch (e) { console.log(e.name, e.message, e.stepID === s.stepID, c.getMessages().length); }`);
      expect(lines(host.said)).toEqual(["TypeError stream", "TypeError stream", "TypeError stream", "TypeError parentID"]);
      expect(lines(host.turn(event(1, "start"), partial(1, "x"), event(1, "error", { error_string: "down" })))).toEqual(["StepError down true 1"]);
    });

    test("a failure that nobody awaits is an unhandled rejection", () => {
      host = new Host();
      host.run(`${ASK} c.addAnswer(chatStep.startStream(c));`);
      const said = host.turn(event(1, "start"), event(1, "error", { error_string: "down" }));
      expect(only(said, "unhandled")).toHaveLength(1);
    });
  });

  test("images are the host's to judge", async () => {
    host = new Host();
    const image = { imageURL: "cat.png", imageName: "cat.png", mediaType: "image/png", detail: "auto" };
    await host.answer({ image: ["ok", image] });
    const said = host.run(`const c = new Conversation(); c.AddMessageWithImage("user", "?", "cat.png"); console.log(JSON.stringify(c.getMessages()[0].images));`);
    expect(JSON.parse(lines(said)[0]!)).toEqual([image]);
    await host.close();
    host = new Host();
    await host.answer({ image: ["err", { name: "ImageError", message: "cat.png is not there", code: "missing" }] });
    const failed = host.run(`const c = new Conversation(); try { c.AddMessageWithImage("user", "?", "cat.png") } catch (e) { console.log(e.name, e.code, e.message, c.getMessages().length, e.stack.includes("host")) }`);
    expect(lines(failed)).toEqual(["ImageError missing cat.png is not there 0 true"]);
  });
});

describe("embeddings", () => {
  test("asked for in one turn, they travel as one call", () => {
    host = new Host();
    const said = host.run(
      `const v = (t) => embeddings.generateEmbeddingAsync(t); console.log(embeddings.getModel());
       const all = Promise.all([v("a"), v("b")]); await null; const c = v("c");
       console.log(await all, (await c) instanceof Float32Array);`,
    );
    expect(lines(said)).toEqual(["{ name: 'test-3', dimensions: 3 }"]);
    expect(only(said, "call")).toEqual([["call", 1, "embed", [["a", "b", "c"]]]]);
    const answered = host.turn(["ok", 1, [[1, 0, 0], [0, 1, 0], [0, 0, 1]]]);
    expect(lines(answered)).toEqual(["[ Float32Array(3) [ 1, 0, 0 ], Float32Array(3) [ 0, 1, 0 ] ] true"]);
  });

  test("a failure reaches everyone who asked, with their place; nobody's is unhandled", () => {
    host = new Host();
    host.run(
      `function place() { return embeddings.generateEmbeddingAsync("a"); } place();
       embeddings.generateEmbeddingAsync("b").catch((e) => console.log(e.message, e.code));`,
    );
    const said = host.turn(["err", 1, { name: "Error", message: "quota", code: "quota" }]);
    expect(lines(said)).toEqual(["quota quota"]);
    expect(only(said, "unhandled")).toHaveLength(1);
    expect(only(said, "unhandled")[0]![1].stack).toContain("at place");
  });

  test("callbacks, and their cancel function", () => {
    host = new Host();
    const ask = `embeddings.generateEmbeddingWithCallbacks("a", { onSuccess: (v) => console.log(v), onError: (e) => console.log(e.message) })`;
    host.run(`${ask}; globalThis.cancel = ${ask};`);
    expect(host.run(`cancel(); cancel();`).map(([tag]) => tag)).toEqual(["main-done"]);
    expect(lines(host.turn(["ok", 1, [[1, 2, 3], [4, 5, 6]]]))).toEqual(["Float32Array(3) [ 1, 2, 3 ]"]);
    host.run(`globalThis.cancel = ${ask};`);
    expect(only(host.run(`cancel();`), "cancel-call")).toEqual([["cancel-call", 2]]);
    expect(host.turn(["ok", 2, [[1, 2, 3]]])).toEqual([]);
    expect(only(host.run(`(${ask})();`), "call")).toEqual([]);
  });

  test("an error without onError, and a throw in a callback, are reported", () => {
    host = new Host();
    host.run(`embeddings.generateEmbeddingWithCallbacks("a", { onSuccess() { throw new Error("mine") } });`);
    expect(only(host.turn(["ok", 1, [[1, 2, 3]]]), "uncaught")[0]!.slice(2)).toEqual(["onSuccess"]);
    host.run(`embeddings.generateEmbeddingWithCallbacks("a", { onSuccess() {} });`);
    expect(only(host.turn(["err", 2, { message: "x" }]), "uncaught")).toHaveLength(1);
  });

  test("generateEmbedding waits", async () => {
    host = new Host();
    await host.answer({ embed: ["ok", [[1.5, 2, 3]]] });
    expect(lines(host.run(`console.log(embeddings.generateEmbedding("x"));`))).toEqual(["Float32Array(3) [ 1.5, 2, 3 ]"]);
    expect((await host.requests()).at(-1)).toEqual(["embed", [["x"]]]);
  });
});

test("done and params", () => {
  host = new Host();
  const said = host.run(`console.log(params.name, Object.isFrozen(params)); done(); done(new Error("no"));`);
  expect(lines(said)).toEqual(["Ada true"]);
  expect(only(said, "done").map(([, info]) => info?.message ?? info)).toEqual([null, "no"]);
});
