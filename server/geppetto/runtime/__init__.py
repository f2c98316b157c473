"""Runs user scripts in an embedded V8 and carries their steps' events to and fro."""
