export class Conversation {
  toConversation(): unknown {
    return { conversation: [] };
  }
}
