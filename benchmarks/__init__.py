"""Benchmarks: each module in `questions` answers one question; see docs/performance.md."""
