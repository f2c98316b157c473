"""Geppetto: small JavaScript programs that talk to language models, run from Python."""

__version__ = "0.1.0"
