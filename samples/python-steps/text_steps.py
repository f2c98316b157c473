"""Steps for texts. Scripts call them by the names that geppetto.toml gives them."""

from collections import Counter
from typing import Literal

from geppetto.steps.run import StepRun
from geppetto.steps.step import Step
from pydantic import BaseModel, Field


class Text(BaseModel):
    """What to count, and how."""

    text: str
    top: int = Field(default=3, ge=1, description="How many of the words to tell.")
    order: Literal["frequency", "alphabet"] = "frequency"


class Word(BaseModel):
    """A word of the text."""

    word: str
    times: int


class CountWords(Step[Text, list[Word]]):
    """Counts the words of a text, and says each as it comes."""

    async def run(self, run: StepRun, input: Text) -> list[Word]:
        counts: Counter[str] = Counter()
        for word in input.text.lower().split():
            counts[word] += 1
            await run.partial(f"{word} ")
        words = [Word(word=word, times=times) for word, times in counts.most_common(input.top)]
        return sorted(words, key=lambda each: each.word) if input.order == "alphabet" else words
