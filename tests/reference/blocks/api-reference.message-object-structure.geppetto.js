// The four shapes of the guide: the fields all messages have, and those of each type.
const conv = new Conversation();
conv.AddMessageWithImage("user", "Look", "image.png");
conv.AddToolUse("tool123", "searchCode", { query: "main" });
conv.AddToolResult("tool123", "Found");

const kind = (value) => (value instanceof Date ? "Date" : Array.isArray(value) ? "array" : typeof value);
for (const message of conv.GetMessages()) {
    console.log(Object.entries(message).map(([name, value]) => `${name}: ${kind(value)}`).join(", "));
    console.log(message.type);
}
const [chat, use] = /** @type {any[]} */ (conv.GetMessages());
console.log(chat.role, Object.keys(chat.images[0]).join(" "), use.toolType);
// prints:
// id: string, parentID: string, time: Date, lastUpdate: Date, metadata: object, type: string, role: string, text: string, images: array
// chat-message
// id: string, parentID: string, time: Date, lastUpdate: Date, metadata: object, type: string, toolID: string, name: string, input: object, toolType: string
// tool-use
// id: string, parentID: string, time: Date, lastUpdate: Date, metadata: object, type: string, toolID: string, result: string
// tool-result
// user imageURL imageName mediaType detail function
