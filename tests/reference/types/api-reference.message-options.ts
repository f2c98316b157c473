// The guide's interface, and that ours takes what it takes.
namespace Guide {
  export interface MessageOptions {
    metadata?: Record<string, any>; // Additional metadata
    parentID?: string; // Parent message ID
    time?: string; // RFC3339 format timestamp
    id?: string; // Custom message ID
  }
}

declare const options: Guide.MessageOptions;
const ours: MessageOptions = options;
new Conversation().AddMessage("user", "text", options);

// The message objects of the guide
namespace Guide {
  interface Common {
    id: string;
    parentID: string;
    time: Date;
    lastUpdate: Date;
    metadata: object;
    type: string;
  }
  export interface Chat extends Common {
    role: string;
    text: string;
    images?: { imageURL: string; imageName: string; mediaType: string; detail: string }[];
  }
  export interface ToolUse extends Common {
    toolID: string;
    name: string;
    input: object;
    toolType: string;
  }
  export interface ToolResult extends Common {
    toolID: string;
    result: string;
  }
}

for (const message of new Conversation().GetMessages()) {
  switch (message.type) {
    case "chat-message": {
      const chat: Guide.Chat = message;
      break;
    }
    case "tool-use": {
      const use: Guide.ToolUse = message;
      break;
    }
    case "tool-result": {
      const result: Guide.ToolResult = message;
      break;
    }
    default:
      message satisfies never;
  }
}
