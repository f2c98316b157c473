import { describe, expect, test } from "vitest";
import { Host, only } from "./host";

/** What a script that failed silently would have swallowed: the texts of its unhandled rejections. */
function unhandled(body: string): string[] {
  return only(new Host().run(body), "unhandled").map(([, info]) => info.text as string);
}

const FAIL = `const fail = () => tracked(async () => { throw new Error("boom"); }, "1:1");`;

describe("unhandled rejections are told as Node tells them", () => {
  const cases: [name: string, body: string, expected: string[]][] = [
    ["a floating call", `fail();`, ["Error: boom"]],
    ["awaited and caught", `try { await fail(); } catch {}`, []],
    ["kept in a variable", `const kept = fail(); await null;`, ["Error: boom"]],
    ["caught late, within the turn", `const kept = fail(); await null; await null; kept.catch(() => {});`, []],
    [".then without a catch", `fail().then(() => {});`, ["Error: boom"]],
    ["allSettled", `await Promise.allSettled([fail(), fail()]);`, []],
    ["all, not caught", `Promise.all([fail(), 1]);`, ["Error: boom"]],
    ["all, caught", `await Promise.all([fail(), fail()]).catch(() => {});`, []],
    ["new Promise", `new Promise((_, reject) => reject(new Error("boom")));`, ["Error: boom"]],
    // Beyond the nine.
    ["new Promise whose executor throws", `new Promise(() => { throw new Error("boom"); });`, ["Error: boom"]],
    ["Promise.reject", `Promise.reject(new Error("boom"));`, ["Error: boom"]],
    ["withResolvers", `Promise.withResolvers?.().reject(new Error("boom")) ?? Promise.reject(new Error("boom"));`, ["Error: boom"]],
    ["finally passes it on", `fail().finally(() => {});`, ["Error: boom"]],
    ["a throw in then", `Promise.resolve().then(() => { throw new Error("boom"); });`, ["Error: boom"]],
    ["a catch that throws", `fail().catch(() => { throw new Error("again"); });`, ["Error: again"]],
    ["resolved with a rejected promise", `new Promise((resolve) => resolve(fail()));`, ["Error: boom"]],
    ["returned from an async function", `tracked(async () => fail());`, ["Error: boom"]],
    ["returned, and caught there", `await tracked(async () => fail()).catch(() => {});`, []],
    ["awaited twice, caught once", `const p = fail(); try { await p } catch {}; tracked(async () => { await p; });`, ["Error: boom"]],
    ["race: the losers do not count", `await Promise.race([1, fail()]);`, []],
    ["any", `Promise.any([fail()]);`, ["AggregateError: All promises were rejected"]],
    ["an async generator's next", `const g = (async function* () { throw new Error("boom"); })(); g.next();`, ["Error: boom"]],
    ["for await, caught", `try { for await (const x of (async function* () { throw 1; })()); } catch {}`, []],
    ["a thenable", `try { await { then(_, reject) { reject(new Error("boom")); } }; } catch {}`, []],
    ["logging a promise handles nothing", `const p = fail(); console.log(p, [p]);`, ["Error: boom"]],
    ["Promise.resolve(p) handles nothing", `Promise.resolve(fail());`, ["Error: boom"]],
    ["a subclass", `class Own extends Promise {} new Own((_, reject) => reject(new Error("boom")));`, ["Error: boom"]],
    ["a subclass, caught", `class Own extends Promise {} await Own.reject(new Error("boom")).catch(() => {});`, []],
    ["a subclass, awaited", `class Own extends Promise {} try { await Own.reject(1); } catch {}`, []],
  ];
  test.each(cases)("%s", (_name, body, expected) => {
    expect(unhandled(FAIL + body)).toEqual(expected);
  });

  test("handled only in a later turn is too late", () => {
    const host = new Host();
    const said = host.run(`${FAIL} const kept = fail(); setTimeout(() => kept.catch(() => {}), 1);`);
    expect(only(said, "unhandled")).toHaveLength(1);
    expect(only(host.turn(["timer", 1]), "unhandled")).toEqual([]);
  });

  test("each turn's rejections are told with that turn", () => {
    const host = new Host();
    host.run(`setTimeout(() => { Promise.reject(new Error("later")); }, 1);`);
    expect(only(host.turn(["timer", 1]), "unhandled")[0]![1].text).toBe("Error: later");
  });

  test("a reason that is no Error still has a place", () => {
    const [info] = only(new Host().run(`\n\nfunction place() { Promise.reject({ odd: 1 }); }\nplace();`), "unhandled");
    expect(info![1]).toMatchObject({ name: "Unhandled", text: "{ odd: 1 }" });
    expect(info![1].stack).toContain("at place");
    const [thrown] = only(new Host().run(`tracked(async () => { throw "text"; }, "7:3");`), "unhandled");
    expect(thrown![1]).toMatchObject({ text: "'text'", place: "7:3" });
  });

  test("an error that is its own cause has none", () => {
    const said = new Host().run(`const e = new Error("outer"); e.cause = e; Promise.reject(e);`);
    expect(only(said, "unhandled")[0]![1]).not.toHaveProperty("cause");
  });

  test("causes and codes travel", () => {
    const said = new Host().run(
      `const e = new Error("outer", { cause: new TypeError("inner") }); e.code = "E_X"; Promise.reject(e);`,
    );
    expect(only(said, "unhandled")[0]![1]).toMatchObject({
      message: "outer",
      code: "E_X",
      cause: { name: "TypeError", message: "inner" },
    });
  });

  test("the script's own failure is its outcome, told once", () => {
    const said = new Host().run(`throw new Error("boom");`);
    expect(said.map(([tag]) => tag)).toEqual(["main-failed"]);
  });
});

describe("promises stay promises", () => {
  test("await takes as many ticks as ever", () => {
    const lines = new Host().logs(`
      const order = [];
      const a = tracked(async () => { await tracked(async () => {}); order.push("awaited"); });
      Promise.resolve().then(() => order.push("one")).then(() => order.push("two")).then(() => order.push("three"));
      await a; await Promise.resolve(); await Promise.resolve(); await Promise.resolve();
      console.log(order.join());`);
    expect(lines).toEqual(["awaited,one,two,three"]);
  });

  test("identity, statics and subclasses", () => {
    const lines = new Host().logs(`
      class Own extends Promise { extra() { return 1; } }
      console.log(tracked(async () => {}) instanceof Promise, Promise.name, Promise.length);
      console.log(Own.resolve(1) instanceof Own, Own.resolve(1).then(() => {}).extra());
      const p = Promise.resolve(1); console.log(Promise.resolve(p) === p);
      try { Promise(() => {}) } catch (e) { console.log(e.name) }
      try { new Promise() } catch (e) { console.log(e.name) }
      console.log(await Promise.all([1, p, Own.resolve(3)]), await Promise.race([p]));`);
    expect(lines).toEqual(["true Promise 1", "true 1", "true", "TypeError", "TypeError", "[ 1, 1, 3 ] 1"]);
  });
});
