// A conversation over several turns: the model sees all that was said before.
//
//   geppetto run samples/chat.geppetto.js
//   geppetto run samples/chat.geppetto.js -p 'questions:=["Who was Collodi?","What is it called?"]'
//
// The model is played from chat.model.yaml; write `chatStep` for `model` to talk to your own.

const model = new ChatStepFactory().newStep({ script: "chat.model.yaml" });

const questions = Array.isArray(params.questions)
  ? params.questions.map(String)
  : ["Who wrote Pinocchio?", "When was that?", "Thank you!"];

const conversation = new Conversation();
conversation.addMessage("system", "You are a librarian. Answer in one sentence.");

for (const question of questions) {
  console.log(`\n> ${question}`);
  conversation.addMessage("user", question);
  const answer = await model.startStream(conversation).finalText();
  conversation.addMessage("assistant", answer);
}

const turns = conversation.getMessages().filter((message) => message.type === "chat-message" && message.role === "user");
console.log(`\n${turns.length} turns, ${conversation.getSinglePrompt().length} characters in all.`);
