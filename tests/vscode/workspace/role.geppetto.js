const conversation = new Conversation();
conversation.addMessage("User", "Hello");
console.log(conversation);
