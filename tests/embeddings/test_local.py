"""A model of model2vec on this machine: made here, very small, and nothing is downloaded."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
from geppetto.embeddings.factory import create_embeddings
from geppetto.embeddings.local import LocalEmbeddings
from geppetto.embeddings.provider import EmbeddingModel, EmbeddingsError
from geppetto.settings.models import StepSettings

pytest.importorskip("model2vec")

WORDS = ["[UNK]", "cat", "kitten", "dog", "car", "the", "."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import numpy
    from model2vec import StaticModel
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = Whitespace()
    vectors = numpy.zeros((len(WORDS), 16), dtype=numpy.float32)
    for n in range(len(WORDS)):
        vectors[n, n] = 1.0
    vectors[WORDS.index("kitten")] = vectors[WORDS.index("cat")] * 0.9
    vectors[WORDS.index("kitten"), 15] = 0.4
    model = StaticModel(vectors, tokenizer, normalize=True)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    model.save_pretrained(str(folder))
    return folder


def near(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


async def test_a_model_knows_what_words_mean(folder: Path) -> None:
    settings = {"embeddings": {"provider": "model2vec", "model": str(folder)}}
    provider = create_embeddings(StepSettings.model_validate(settings))
    assert provider.model == EmbeddingModel("tiny", 16)
    cat, kitten, car = await provider.embed(["The cat.", "the KITTEN.", "the car."])
    assert near(cat, kitten) > near(cat, car) + 0.1
    assert math.isclose(near(cat, cat), 1, abs_tol=1e-6)
    assert all(type(number) is float for number in cat)
    assert await provider.embed(["the car."]) == [car]


async def test_words_it_does_not_know_and_odd_texts_are_no_failure(folder: Path) -> None:
    vectors = await LocalEmbeddings(str(folder)).embed(["zebra", "half \ud83d pair", "cat"])
    assert [len(vector) for vector in vectors] == [16, 16, 16]
    with pytest.raises(EmbeddingsError, match="is empty"):
        await LocalEmbeddings(str(folder)).embed([" "])


def test_the_length_of_its_vectors_is_known_without_loading_it(folder: Path) -> None:
    code = (
        "import sys; from geppetto.embeddings.local import LocalEmbeddings\n"
        f"print(LocalEmbeddings({str(folder)!r}).model.dimensions)\n"
        "print([name for name in ('numpy', 'model2vec', 'tokenizers') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split("\n")[:2] == ["16", "[]"]


def test_a_wrong_length_is_told(folder: Path) -> None:
    with pytest.raises(EmbeddingsError, match="makes vectors of 16 numbers, not 32"):
        LocalEmbeddings(str(folder), 32)


@pytest.mark.parametrize("content", [b"", b"\x00" * 8, b"\xff" * 100, b"\x02" + b"\x00" * 7 + b"{}", None])
def test_a_folder_without_a_model_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(EmbeddingsError, match=r"model\.safetensors is not a model of model2vec") as caught:
        LocalEmbeddings(str(tmp_path))
    assert "save_pretrained" in (caught.value.hint or "")


async def test_a_model_that_cannot_be_loaded_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(EmbeddingsError, match="cannot be loaded"):
        await LocalEmbeddings(str(tmp_path)).embed(["cat"])


def test_without_the_package_it_says_how_to_get_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EmbeddingsError, match="is missing") as caught:
        LocalEmbeddings(str(folder))
    assert "geppetto[local]" in (caught.value.hint or "")
