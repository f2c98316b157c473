const conv = new Conversation();
const msgId = conv.AddMessage("user", "Hello");
const useId = conv.AddToolUse("tool123", "searchCode", { query: "main" });
const resultId = conv.AddToolResult("tool123", "Found");

// Get all messages
const messages = conv.GetMessages();
// Returns an array of message objects

// Get formatted view of a specific message
const messageView = conv.GetMessageView(msgId);
// Returns formatted string based on message type:
// - Chat: "[role]: text"
// - Tool Use: "ToolUseContent{...}"
// - Tool Result: "ToolResultContent{...}"

// Update message metadata
conv.UpdateMetadata(msgId, { processed: true });

// Get conversation as a single prompt string
const prompt = conv.GetSinglePrompt();

// Convert back to Go conversation object
const goConv = conv.toGoConversation();

console.log(Array.isArray(messages), messages.length);
console.log(messageView);
console.log(conv.GetMessageView(useId));
console.log(conv.GetMessageView(resultId));
console.log(conv.GetMessages()[0].metadata);
console.log(prompt);
console.log(goConv.conversation.map((message) => message.type));
// prints:
// true 3
// [user]: Hello
// ToolUseContent{ToolID: tool123, Name: searchCode, Input: {"query":"main"}, Type: function}
// ToolResultContent{ToolID: tool123, Result: Found}
// { processed: true }
// [user]: Hello
// ToolUseContent{ToolID: tool123, Name: searchCode, Input: {"query":"main"}, Type: function}
// ToolResultContent{ToolID: tool123, Result: Found}
//
// [ 'chat-message', 'tool-use', 'tool-result' ]
