// The event objects of the guide: ours have all of their fields.
namespace Guide {
  interface Common {
    type: string;
    meta: { messageId: string; parentId: string; engine: string };
    step: { stepId: string; type: string; inputType: string; outputType: string; metadata: object };
  }
  export interface Partial extends Common {
    delta: string;
    completion: string;
  }
  export interface Final extends Common {
    text: string;
  }
  export interface Error extends Common {
    error: string;
  }
  export interface ToolCall extends Common {
    toolCall: { id: string; name: string; input: unknown };
  }
  export interface ToolResult extends Common {
    toolResult: { id: string; result: any };
  }
}

doubleStep.runWithEvents(21, (event) => {
  switch (event.type) {
    case "start":
      break;
    case "partial": {
      const partial: Guide.Partial = event;
      break;
    }
    case "final":
    case "interrupt": {
      const ended: Guide.Final = event;
      break;
    }
    case "error": {
      const error: Guide.Error = event;
      break;
    }
    case "tool-call": {
      const call: Guide.ToolCall = event;
      break;
    }
    case "tool-result": {
      const result: Guide.ToolResult = event;
      break;
    }
    default:
      event satisfies never;
  }
}) satisfies string;

// The input of a tool call is what the model wrote, so its type has to be looked at first
declare const call: ToolCallEvent;
// @ts-expect-error: not known to be an object
call.toolCall.input.query;
