"""One module a question.

Each has a `TITLE` (the question), and `measure(bench) -> list[Row]`. Its name is what `make bench ONLY=` takes.
"""
