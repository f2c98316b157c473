/**
 * Conversations: messages in a tree, of which a model sees the thread that ends in the message added last.
 *
 * Every argument is checked before anything changes, so a call that throws leaves the conversation as it was.
 */
import { callInput, readAnswer } from "./answer";
import { argumentError, callerFrames, hide, hostError, type HostErrorInfo } from "./errors";
import type { Event } from "./events";
import { encodeJson } from "./input";
import { callSync } from "./port";
import { append, dateNow, dateToISOString, freeze, isArray, jsonParse, quote } from "./primordials";
import { deferred, track } from "./promises";
import { isStream, pastEvents, stepError, whenDone } from "./stream";
import { newID } from "./ids";

type Role = "system" | "assistant" | "user" | "tool";

interface Image {
  readonly imageURL: string;
  readonly imageName: string;
  readonly mediaType: string;
  readonly detail: string;
}

type Content =
  | { readonly type: "chat-message"; readonly role: Role; readonly text: string; readonly images?: readonly Image[] }
  | {
      readonly type: "tool-use";
      readonly toolID: string;
      readonly name: string;
      readonly input: Record<string, JsonValue>;
      readonly toolType: string;
    }
  | { readonly type: "tool-result"; readonly toolID: string; readonly result: string };

interface Stored {
  readonly id: string;
  readonly parentID: string;
  /** Milliseconds since the epoch, as for `lastUpdate`. */
  readonly time: number;
  lastUpdate: number;
  metadata: Record<string, JsonValue>;
  readonly content: Content;
}

interface Options {
  readonly metadata?: unknown;
  readonly parentID?: unknown;
  readonly time?: unknown;
  readonly id?: unknown;
}

/** Where a message goes: the checked form of `Options`. */
interface Slot {
  readonly id: string;
  readonly parentID: string;
  readonly time: number;
  readonly metadata: Record<string, JsonValue>;
}

const ROLES = ["system", "assistant", "user", "tool"] as const;
/** RFC 3339: a date, a time and an offset. */
const TIMESTAMP = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

export class Conversation {
  readonly #messages: Stored[] = [];
  readonly #byID = new Map<string, Stored>();

  addMessage(role: unknown, text: unknown, options?: Options): string {
    const checkedRole = checkRole(role);
    const checkedText = checkString("text", text);
    return this.#add({ type: "chat-message", role: checkedRole, text: checkedText }, this.#slot(options));
  }

  addMessageWithImage(role: unknown, text: unknown, image: unknown, options?: Options): string {
    const checkedRole = checkRole(role);
    const checkedText = checkString("text", text);
    const source = checkString("image", image);
    if (source === "") throw argumentError("image", "the path or URL of an image", image);
    const slot = this.#slot(options);
    const images = freeze([freeze(loadImage(source))]);
    return this.#add({ type: "chat-message", role: checkedRole, text: checkedText, images }, slot);
  }

  addToolUse(toolID: unknown, name: unknown, input: unknown, options?: Options): string {
    const content: Content = {
      type: "tool-use",
      toolID: checkName("toolID", toolID),
      name: checkName("name", name),
      input: checkObject("input", input),
      toolType: "function",
    };
    return this.#add(content, this.#slot(options));
  }

  addToolResult(toolID: unknown, result: unknown, options?: Options): string {
    const content: Content = {
      type: "tool-result",
      toolID: checkName("toolID", toolID),
      result: checkString("result", result),
    };
    return this.#add(content, this.#slot(options));
  }

  addAnswer(stream: unknown, options: Options = {}): Promise<string> {
    if (!isStream(stream)) throw argumentError("stream", "a stream of a chat step", stream);
    // A wrong option is told now, and not when the answer is there.
    const { metadata } = this.#slot(options);
    const asked = { ...options, metadata };
    const frames = callerFrames();
    const { promise, resolve, reject } = deferred<string>();
    whenDone(stream, (terminal) => {
      if (terminal.type === "error") return reject(stepError(terminal, stream.stepID, frames));
      try {
        resolve(this.#addAnswer(pastEvents(stream), terminal, asked));
      } catch (error) {
        reject(error);
      }
    });
    return track(promise);
  }

  getMessages(): ConversationMessage[] {
    const views: ConversationMessage[] = [];
    for (let i = 0; i < this.#messages.length; i++) append(views, view(this.#messages[i]!));
    return views;
  }

  getThread(id?: unknown): ConversationMessage[] {
    const thread = this.#thread(id === undefined ? undefined : this.#find("id", id));
    const views: ConversationMessage[] = [];
    for (let i = 0; i < thread.length; i++) append(views, view(thread[i]!));
    return views;
  }

  getMessageView(id: unknown): string {
    return render(this.#find("id", id));
  }

  updateMetadata(id: unknown, metadata: unknown): void {
    const message = this.#find("id", id);
    message.metadata = { ...message.metadata, ...checkObject("metadata", metadata) };
    message.lastUpdate = dateNow();
  }

  getSinglePrompt(): string {
    const thread = this.#thread(undefined);
    const only = thread[0];
    if (thread.length === 1 && only?.content.type === "chat-message") return only.content.text;
    let prompt = "";
    for (let i = 0; i < thread.length; i++) prompt += `${render(thread[i]!)}\n`;
    return prompt;
  }

  toConversation(): ConversationSnapshot {
    const thread = this.#thread(undefined);
    const conversation: WireMessage[] = [];
    for (let i = 0; i < thread.length; i++) append(conversation, toWire(thread[i]!));
    return freeze({ conversation: freeze(conversation) });
  }

  toGoConversation(): ConversationSnapshot {
    return this.toConversation();
  }

  toJSON(): ConversationSnapshot {
    return this.toConversation();
  }

  #addAnswer(events: readonly Event[], { meta }: Event, options: Options): string {
    const { id = meta.messageId, time } = options;
    if (options.id === undefined && this.#byID.has(meta.messageId)) {
      throw new TypeError("the answer of this stream is in the conversation already");
    }
    // The answer hangs below what was asked, wherever the conversation has got to meanwhile.
    const asked = this.#byID.has(meta.parentId) ? meta.parentId : undefined;
    const last = this.#slot({ ...options, id, parentID: options.parentID ?? asked });
    let { parentID } = last;
    const add = (content: Content, metadata: Record<string, JsonValue>): void => {
      const slot = this.#slot({ parentID: parentID === "" ? undefined : parentID, time, metadata });
      parentID = this.#add(content, slot);
    };
    const { rounds, text } = readAnswer(events);
    for (let i = 0; i < rounds.length; i++) {
      const { text, calls } = rounds[i]!;
      if (text !== "") add({ type: "chat-message", role: "assistant", text }, {});
      for (let j = 0; j < calls.length; j++) {
        const { call } = calls[j]!;
        const input = callInput(call);
        const raw: Record<string, JsonValue> = input === undefined ? { raw_input: call.rawInput } : {};
        const content = { toolID: call.id, name: call.name, input: input ?? {} };
        add({ type: "tool-use", ...content, toolType: "function" }, raw);
      }
      for (let j = 0; j < calls.length; j++) {
        const { id: toolID, result, isError } = calls[j]!.result;
        const told = typeof result === "string" ? result : encodeJson("result", result);
        add({ type: "tool-result", toolID, result: told }, isError ? { is_error: true } : {});
      }
    }
    return this.#add({ type: "chat-message", role: "assistant", text }, { ...last, parentID });
  }

  #add(content: Content, slot: Slot): string {
    const message: Stored = { ...slot, lastUpdate: slot.time, content: freeze(content) };
    append(this.#messages, message);
    this.#byID.set(message.id, message);
    return message.id;
  }

  #slot(options: Options = {}): Slot {
    if (typeof options !== "object" || options === null) throw argumentError("options", "an object", options);
    const { id, parentID, time, metadata } = options;
    const latest = this.#messages[this.#messages.length - 1];
    if (id !== undefined) {
      checkName("id", id);
      if (this.#byID.has(id as string)) throw argumentError("id", "the id of no other message", id);
    }
    return {
      id: id === undefined ? newID() : (id as string),
      parentID: parentID === undefined ? (latest?.id ?? "") : this.#find("parentID", parentID).id,
      time: time === undefined ? dateNow() : checkTime(time),
      metadata: metadata === undefined ? {} : checkObject("metadata", metadata),
    };
  }

  #find(argument: string, id: unknown): Stored {
    const message = typeof id === "string" ? this.#byID.get(id) : undefined;
    if (message === undefined) throw argumentError(argument, "the id of a message in this conversation", id);
    return message;
  }

  /** The messages from the root to `last`, or to the message added last. */
  #thread(last: Stored | undefined): Stored[] {
    const upwards: Stored[] = [];
    let message = last ?? this.#messages[this.#messages.length - 1];
    while (message !== undefined) {
      append(upwards, message);
      message = this.#byID.get(message.parentID);
    }
    const thread: Stored[] = [];
    for (let i = upwards.length - 1; i >= 0; i--) append(thread, upwards[i]!);
    return thread;
  }
}

/** The spellings of the guide: the same methods under the names it uses. */
const GUIDE_NAMES = {
  AddMessage: "addMessage",
  AddMessageWithImage: "addMessageWithImage",
  AddToolUse: "addToolUse",
  AddToolResult: "addToolResult",
  GetMessages: "getMessages",
  GetMessageView: "getMessageView",
  GetSinglePrompt: "getSinglePrompt",
  UpdateMetadata: "updateMetadata",
} as const;
for (const [name, method] of Object.entries(GUIDE_NAMES)) hide(Conversation.prototype, name, Conversation.prototype[method]);

function checkString(argument: string, value: unknown): string {
  if (typeof value !== "string") throw argumentError(argument, "a string", value);
  return value;
}

function checkName(argument: string, value: unknown): string {
  if (typeof value !== "string" || value === "") throw argumentError(argument, "a string that is not empty", value);
  return value;
}

function checkRole(role: unknown): Role {
  for (let i = 0; i < ROLES.length; i++) if (role === ROLES[i]) return ROLES[i]!;
  throw argumentError("role", "one of 'system', 'assistant', 'user', 'tool'", role);
}

function checkTime(time: unknown): number {
  const ms = typeof time === "string" && TIMESTAMP.test(time) ? Date.parse(time) : NaN;
  if (ms !== ms) throw argumentError("time", "an RFC 3339 timestamp such as '2024-01-01T00:00:00Z'", time);
  return ms;
}

function checkObject(argument: string, value: unknown): Record<string, JsonValue> {
  if (typeof value !== "object" || value === null || isArray(value)) {
    throw argumentError(argument, "an object", value);
  }
  return copyJson(argument, value) as Record<string, JsonValue>;
}

/** A copy by way of JSON: what was added does not change when the script changes its own object. */
function copyJson(argument: string, value: unknown): JsonValue {
  return jsonParse(encodeJson(argument, value)) as JsonValue;
}

/** Has the host look at an image: that it exists, what it is, and that it is not too large. */
function loadImage(source: string): Image {
  try {
    return callSync("image", `[${quote(source)}]`) as Image;
  } catch (error) {
    throw hostError(error as HostErrorInfo, callerFrames());
  }
}

function view({ content, ...common }: Stored): ConversationMessage {
  const { id, parentID } = common;
  const time = new Date(common.time);
  const lastUpdate = new Date(common.lastUpdate);
  const metadata = copyJson("metadata", common.metadata) as Record<string, JsonValue>;
  const copied = copyJson("content", content) as unknown as Content;
  return { id, parentID, time, lastUpdate, metadata, ...copied } as ConversationMessage;
}

function toWire({ content, ...common }: Stored): WireMessage {
  const time = dateToISOString(new Date(common.time));
  const lastUpdate = dateToISOString(new Date(common.lastUpdate));
  return freeze({ ...common, time, lastUpdate, ...content }) as WireMessage;
}

function render({ content }: Stored): string {
  switch (content.type) {
    case "chat-message":
      return `[${content.role}]: ${content.text}`;
    case "tool-use":
      return `ToolUseContent{ToolID: ${content.toolID}, Name: ${content.name}, Input: ${encodeJson("input", content.input)}, Type: ${content.toolType}}`;
    case "tool-result":
      return `ToolResultContent{ToolID: ${content.toolID}, Result: ${content.result}}`;
  }
}

