"""What can be wrong with a conversation."""

from geppetto.errors import GeppettoError


class ConversationError(GeppettoError):
    """A message or a conversation that cannot be accepted; the conversation is unchanged."""
