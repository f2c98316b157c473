const conversation = new Conversation();

