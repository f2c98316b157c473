const conv = new Conversation();

// Add a tool use
const toolUseId = conv.AddToolUse(
    "tool123",
    "searchCode",
    { query: "find main function" }
);

// Add a tool result
const resultId = conv.AddToolResult(
    "tool123",
    "Found main function in main.go"
);

console.log(toolUseId, resultId, toolUseId !== resultId);
// prints:
// <uuid> <uuid> true
