// What a Conversation can hold: roles, metadata, an image, tool messages, and branches.
//
//   geppetto run samples/conversation.geppetto.js
//
// Messages form a tree. A new one hangs below the one added last, or below `parentID`; a model sees the thread
// from the root to the message that was added last.

const conversation = new Conversation();
conversation.addMessage("system", "You describe pictures in few words.");

// An image is looked at when it is added: that it is there, what it is, and that it is not too large.
// Paths start at the folder of this file; http(s) and data URLs are fine too.
const question = conversation.addMessageWithImage("user", "What is on this picture?", "assets/puppet.png");

// Metadata is yours: models do not see it.
conversation.updateMetadata(question, { source: "sample", reviewed: true });

// Ask on two branches from the same message.
const brief = conversation.addMessage("assistant", "A puppet.", { parentID: question });
const precise = conversation.addMessage("assistant", "A wooden puppet with a red hat and a long nose.", {
  parentID: question,
  metadata: { author: "somebody careful" },
});
console.log("brief:  ", conversation.getThread(brief).map((message) => message.type).join(" > "));
console.log("precise:", conversation.getMessageView(precise));

// What happened with tools can be told as well.
conversation.addToolUse("call-1", "measure", { part: "nose" });
conversation.addToolResult("call-1", "17 cm");
conversation.addMessage("user", "And how long is its nose?");

for (const message of conversation.getThread()) {
  console.log("-", conversation.getMessageView(message.id));
  if (message.type !== "chat-message") continue;
  for (const image of message.images ?? []) console.log("  with", image.imageName, `(${image.mediaType})`);
}

// A model gets the whole conversation; this one says the last message back.
await echoStep.startStream(conversation).done();

// Nothing changes when an argument is wrong; the message of the error tells what is.
const before = conversation.getMessages().length;
try {
  conversation.addMessageWithImage("user", "And this?", "data/notes.json"); // geppetto-ignore image-unsupported
} catch (error) {
  console.log("refused:", /** @type {Error & { code: string }} */ (error).code);
}
console.log(conversation.getMessages().length === before ? "unchanged" : "changed");
