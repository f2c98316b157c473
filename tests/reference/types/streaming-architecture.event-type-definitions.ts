// The declarations of the page, and that our events can be used as theirs.
namespace Page {
  export type StreamEvent =
    | { type: "start"; meta: EventMetadata; step: StepMetadata }
    | { type: "partial"; delta: string; completion: string; meta: EventMetadata; step: StepMetadata }
    | { type: "tool-call"; toolCall: ToolCall; meta: EventMetadata; step: StepMetadata }
    | { type: "tool-result"; toolResult: ToolResult; meta: EventMetadata; step: StepMetadata }
    | { type: "final"; text: string; meta: EventMetadata; step: StepMetadata }
    | { type: "error"; error: string; meta: EventMetadata; step: StepMetadata }
    | { type: "interrupt"; text: string; meta: EventMetadata; step: StepMetadata };

  export interface StreamOptions {
    onStart?: (event: Extract<StreamEvent, { type: "start" }>) => void;
    onPartial?: (event: Extract<StreamEvent, { type: "partial" }>) => void;
    onToolCall?: (event: Extract<StreamEvent, { type: "tool-call" }>) => void;
    onToolResult?: (event: Extract<StreamEvent, { type: "tool-result" }>) => void;
    onFinal?: (event: Extract<StreamEvent, { type: "final" }>) => void;
    onError?: (event: Extract<StreamEvent, { type: "error" }>) => void;
    onInterrupt?: (event: Extract<StreamEvent, { type: "interrupt" }>) => void;
  }

  export interface StreamResult {
    cancel(): Promise<void>;
  }

  export interface EventMetadata {
    message_id: string;
    parent_id: string;
    engine?: string;
    temperature?: number;
    top_p?: number | undefined; // an accessor of ours, and so always there
    max_tokens?: number | undefined;
    usage?: { input_tokens: number; output_tokens: number };
    stop_reason?: string | undefined;
  }

  export interface StepMetadata {
    step_id: string;
    type: string;
    input_type: string;
    output_type: string;
    meta: Record<string, any>;
  }
}

declare const event: StreamEvent;
const theirs: Page.StreamEvent = event; // the snake_case spellings can be read
event.meta.message_id satisfies string;

declare const options: Page.StreamOptions;
const stream: Page.StreamResult = chatStep.startStream("Hello", options);
