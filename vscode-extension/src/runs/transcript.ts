/**
 * A run as text to read: console lines, and what the streams say as it comes.
 *
 * Streams that run at the same time take turns: one is live, what the others say is kept until it has ended. So their
 * texts never mix within a line.
 */
import type { LaterEvent, RunError, RunEvent } from "../protocol.gen";
import { dollars, errorText, oneLine, seconds, tokens } from "./words";

interface Telling {
  unseen: string[];
  hasText: boolean;
  hasEnded: boolean;
}

const LONGEST_DETAIL = 160;

export class Transcript {
  #streams = new Map<string, Telling>();
  #live: string | undefined;
  #isLineOpen = false;

  /** @param relative how a file's path is shown. */
  constructor(private readonly relative: (file: string) => string = (file) => file) {}

  /** The text that an event adds. */
  take(event: RunEvent): string {
    switch (event.kind) {
      case "queued":
        return this.#line(`· waits until other runs have ended (${event.ahead} before it)`);
      case "started":
        return "";
      case "console":
        return this.#line(event.text);
      case "notice":
        return this.#line(`· ${event.text}`);
      case "step":
        this.#streams.set(event.stepId, { unseen: [], hasText: false, hasEnded: false });
        return "";
      case "delta":
        return this.#tell(event.stepId, event.delta, true);
      case "event":
        return this.#later(event.stepId, event.event);
      case "gap":
        return event.characters > 0 ? this.#line(`· ${event.characters} characters are left out here`) : "";
      case "end": {
        const kept = this.#rest();
        const errors = event.errors.map((error) => this.#line(this.#error(error))).join("");
        const facts = [
          event.outcome,
          seconds(event.seconds),
          event.outputTokens > 0 ? tokens(event.outputTokens) : "",
          event.costUsd === null ? "" : dollars(event.costUsd),
        ];
        return `${kept}${errors}${this.#line(`── ${facts.filter(Boolean).join(" · ")}`)}`;
      }
    }
  }

  /** The server has gone. */
  lost(): string {
    return this.#rest() + this.#line("── lost: the language server has ended");
  }

  #later(id: string, event: LaterEvent): string {
    switch (event.type) {
      case "tool-call":
        return this.#detail(
          id,
          `→ ${oneLine(`${event.tool_call.name}(${event.tool_call.input})`, LONGEST_DETAIL)}`,
        );
      case "tool-result": {
        const { result, is_error } = event.tool_result;
        const text = typeof result === "string" ? result : JSON.stringify(result);
        return this.#detail(id, `${is_error === true ? "✗" : "←"} ${oneLine(text, LONGEST_DETAIL)}`);
      }
      case "error":
        return this.#detail(id, `✗ ${event.error_string}`) + this.#end(id);
      case "final":
      case "interrupt": {
        const isValue = event.type === "final" && typeof event.result === "object" && event.result !== null;
        const isUnsaid = this.#streams.get(id)?.hasText === false && event.text !== "" && !isValue;
        return (isUnsaid ? this.#tell(id, event.text, true) : "") + this.#end(id);
      }
    }
  }

  #tell(id: string, text: string, isText: boolean): string {
    const stream = this.#streams.get(id);
    if (stream === undefined || text === "") return "";
    stream.hasText ||= isText;
    if (this.#live === undefined) {
      this.#live = id;
      return this.#endLine() + this.#write(text);
    }
    if (this.#live === id) return this.#write(text);
    stream.unseen.push(text);
    return "";
  }

  #detail(id: string, text: string): string {
    const stream = this.#streams.get(id);
    if (stream === undefined) return "";
    if (this.#live !== undefined && this.#live !== id) {
      stream.unseen.push(`\n  ${text}\n`);
      return "";
    }
    return this.#line(`  ${text}`);
  }

  #end(id: string): string {
    const stream = this.#streams.get(id);
    if (stream === undefined) return "";
    stream.hasEnded = true;
    if (this.#live === undefined) {
      this.#streams.delete(id);
      return "";
    }
    if (this.#live !== id) return "";
    this.#streams.delete(id);
    this.#live = undefined;
    return this.#endLine() + this.#nextTurn();
  }

  /** What was kept back: the streams that have ended since, then one that goes on. */
  #nextTurn(): string {
    let text = "";
    for (const [id, stream] of this.#streams) {
      if (stream.unseen.length === 0 && !stream.hasEnded) continue;
      text += this.#shown(stream);
      if (!stream.hasEnded) {
        this.#live = id;
        return text;
      }
      this.#streams.delete(id);
      text += this.#endLine();
    }
    return text;
  }

  #rest(): string {
    let text = this.#endLine();
    for (const stream of this.#streams.values()) text += this.#shown(stream) + this.#endLine();
    this.#streams.clear();
    this.#live = undefined;
    return text;
  }

  #shown(stream: Telling): string {
    const text = stream.unseen.join("").replace(/^\n/, "");
    stream.unseen = [];
    return this.#endLine() + this.#write(text);
  }

  #error(error: RunError): string {
    const place = error.place;
    const where = place === null ? "" : `\n    at ${this.relative(place.file)}:${place.line}:${place.column}`;
    const frames = error.frames
      .slice(place === null ? 0 : 1)
      .map(({ function: name, place: { file, line, column } }) => {
        const at = `${this.relative(file)}:${line}:${column}`;
        return `\n    at ${name === "" ? at : `${name} (${at})`}`;
      })
      .join("");
    const hint = error.hint === null ? "" : `\n  ${error.hint}`;
    const cause = error.cause === null ? "" : `\nCaused by: ${this.#error(error.cause)}`;
    return `✗ ${errorText(error)}${where}${frames}${hint}${cause}`;
  }

  #line(text: string): string {
    const before = this.#endLine();
    return `${before}${text}\n`;
  }

  #write(text: string): string {
    if (text !== "") this.#isLineOpen = !text.endsWith("\n");
    return text;
  }

  #endLine(): string {
    const end = this.#isLineOpen ? "\n" : "";
    this.#isLineOpen = false;
    return end;
  }
}
