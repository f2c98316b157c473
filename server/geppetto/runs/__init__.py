"""Runs as child processes: whatever a script does, the process that asked for it lives on."""
