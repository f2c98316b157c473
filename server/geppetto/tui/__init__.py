"""Geppetto on the terminal: a chat, and a view of a run."""
