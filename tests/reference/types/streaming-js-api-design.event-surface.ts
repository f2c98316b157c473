// The declarations of the page, and where ours differ.
namespace Page {
  type Meta = EventMetadata;
  type StepMeta = StepMetadata;

  export type StreamEvent =
    | { type: "start"; meta: Meta; step: StepMeta }
    | { type: "partial"; delta: string; completion: string; meta: Meta; step: StepMeta }
    | { type: "tool-call"; toolCall: { id: string; name: string; rawInput: string }; meta: Meta; step: StepMeta }
    | { type: "tool-result"; toolResult: { id: string; result: JsonValue }; meta: Meta; step: StepMeta }
    | { type: "final"; text: string; meta: Meta; step: StepMeta }
    | { type: "interrupt"; text: string; meta: Meta; step: StepMeta }
    | { type: "error"; error: string; meta: Meta; step: StepMeta };

  export interface Stream<T extends StreamEvent = StreamEvent> extends AsyncIterable<T> {
    on<E extends T["type"]>(event: E, handler: (ev: Extract<T, { type: E }>) => void): this;
    cancel(): void;
  }
}

declare const event: StreamEvent;
const theirs: Page.StreamEvent = event;
const stream: Page.Stream<StreamEvent<string>> = chatStep.startStream("Hello");

// The input of a tool call is parsed; the model's text, which the page calls `input`, is `rawInput`
declare const call: ToolCallEvent;
// @ts-expect-error: a value, not its text
call.toolCall.input satisfies string;

// Handlers get the event, never a bare delta
chatStep.startStream("Hello").on("partial", (event) => event.delta.length);
// @ts-expect-error: the page's own example
chatStep.startStream("Hello").on("partial", (delta: string) => delta.length);
// @ts-expect-error: there is no such event
chatStep.startStream("Hello").on("cancel", () => {});
