// Create a new conversation
const conv = new Conversation();

// Add a simple chat message
const msgId = conv.AddMessage("user", "Hello, how can I help you?");

// The guide's parent is a message that exists: an unknown one is a TypeError here
conv.AddMessage("system", "Parent", { id: "parent-message-id" });

// Add a message with options
const msgWithOptions = conv.AddMessage("system", "System prompt", {
    metadata: { source: "config" },
    parentID: "parent-message-id",
    time: "2024-01-01T00:00:00Z",
    id: "custom-id"  // optional, will generate UUID if not provided
});

// Add a message with an image
const msgWithImage = conv.AddMessageWithImage(
    "user",
    "Here's an image",
    "image.png"  // supports local files and URLs
);
conv.AddMessageWithImage("user", "Another", "https://example.com/cat.jpg");

console.log(msgId, msgWithOptions, msgWithImage);
console.log(conv.GetMessages()[2].parentID, conv.GetMessages()[2].time.toISOString(), conv.GetMessages()[2].metadata);
console.log(conv.GetMessages().slice(3).map((message) => "images" in message && message.images));
// prints:
// <uuid> custom-id <uuid>
// parent-message-id 2024-01-01T00:00:00.000Z { source: 'config' }
// [
//   [
//     {
//       imageURL: '<here>/image.png',
//       imageName: 'image.png',
//       mediaType: 'image/png',
//       detail: 'auto'
//     }
//   ],
//   [
//     {
//       imageURL: 'https://example.com/cat.jpg',
//       imageName: 'cat.jpg',
//       mediaType: 'image/jpeg',
//       detail: 'auto'
//     }
//   ]
// ]
