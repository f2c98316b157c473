"""What the tests of the providers have: a fake service and steps that ask it."""

from tests.providers.conftest import chat, claude_chat, no_real_service, openai_chat

__all__ = ["chat", "claude_chat", "no_real_service", "openai_chat"]
