import base64
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import pytest
from geppetto.conversation.images import MAX_BYTES, Image, ImageError, load_image
from hypothesis import given
from hypothesis import strategies as st


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    + _chunk(b"IEND", b"")
)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"
GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
WEBP = b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"

IMAGES = {".png": PNG, ".jpg": JPEG, ".jpeg": JPEG, ".gif": GIF, ".webp": WEBP, ".PNG": PNG, "": PNG}
TYPES = {PNG: "image/png", JPEG: "image/jpeg", GIF: "image/gif", WEBP: "image/webp"}


def refused(path: object, base: Path) -> ImageError:
    with pytest.raises(ImageError) as caught:
        load_image(path, base)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize(("extension", "content"), IMAGES.items())
def test_a_file_is_recognised_by_its_content(tmp_path: Path, extension: str, content: bytes) -> None:
    (tmp_path / f"a picture{extension}").write_bytes(content)
    image = load_image(f"a picture{extension}", tmp_path)
    assert image.media_type == TYPES[content]
    assert image.name == f"a picture{extension}"
    assert image.to_wire() == {
        "imageURL": (tmp_path / f"a picture{extension}").as_uri(),
        "imageName": f"a picture{extension}",
        "mediaType": TYPES[content],
        "detail": "auto",
    }
    head, _, data = image.as_data_url().partition(",")
    assert head == f"data:{TYPES[content]};base64"
    assert base64.b64decode(data) == content


def test_absolute_paths_and_file_urls_lead_to_the_same_image(tmp_path: Path) -> None:
    path = tmp_path / "ü 100%.png"
    path.write_bytes(PNG)
    by_path = load_image(str(path), Path("/elsewhere"))
    assert load_image(path.as_uri(), Path("/elsewhere")) == by_path
    assert by_path.as_data_url() == Image(path.as_uri(), "", "").as_data_url()


def test_a_file_that_lies_about_its_format_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(JPEG)
    error = refused("photo.png", tmp_path)
    assert error.code == "mismatch"
    assert "photo.png" in str(error) and ".png" in str(error) and "image/jpeg" in str(error)


@pytest.mark.parametrize(
    "content", [b"<html></html>", b"BM" + bytes(60), b"RIFF\x24\x00\x00\x00WAVEfmt ", bytes(64)]
)
def test_an_image_extension_does_not_make_an_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "fake.png").write_bytes(content)
    error = refused("fake.png", tmp_path)
    assert error.code == "unsupported"
    assert "PNG, JPEG, WebP and GIF" in str(error)


@pytest.mark.parametrize(
    ("extension", "content"), [(".png", PNG), (".jpg", JPEG), (".gif", GIF), (".webp", WEBP)]
)
def test_a_header_that_is_cut_off_is_told_at_every_length(
    tmp_path: Path, extension: str, content: bytes
) -> None:
    path = tmp_path / f"cut{extension}"
    header = {".png": 33, ".jpg": 20, ".gif": 13, ".webp": 25}[extension]
    for length in range(1, header):
        path.write_bytes(content[:length])
        assert refused(path.name, tmp_path).code == "truncated", length


def test_an_empty_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "nothing.png").touch()
    assert refused("nothing.png", tmp_path).code == "empty"


def test_twenty_megabytes_pass_and_one_byte_more_does_not(tmp_path: Path) -> None:
    path = tmp_path / "big.png"
    path.write_bytes(PNG)
    os.truncate(path, MAX_BYTES)
    assert load_image("big.png", tmp_path).media_type == "image/png"
    os.truncate(path, MAX_BYTES + 1)
    error = refused("big.png", tmp_path)
    assert error.code == "too_large"
    assert f"{MAX_BYTES + 1:,}" in str(error)


def test_what_is_missing_is_told_with_the_whole_path(tmp_path: Path) -> None:
    error = refused("no/such.png", tmp_path)
    assert (error.code, str(error)) == ("missing", f"{tmp_path / 'no/such.png'} does not exist")
    (tmp_path / "file").touch()
    assert refused("file/below.png", tmp_path).code == "missing"


def test_a_dead_link_says_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to("gone.png")
    error = refused("link.png", tmp_path)
    assert error.code == "missing"
    assert "gone.png" in str(error)


def test_a_link_that_leads_to_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert refused("loop.png", tmp_path).code == "unreadable"


def test_a_folder_is_not_an_image(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    error = refused("folder.png", tmp_path)
    assert error.code == "not_a_file"
    assert "folder" in str(error)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.timeout(10)
def test_a_pipe_without_a_writer_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert refused("pipe.png", tmp_path).code == "not_a_file"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are another matter there")
def test_a_file_that_may_not_be_read_is_told_as_such() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = Path(folder, "secret.png")
        path.write_bytes(PNG)
        path.chmod(0)
        user = os.geteuid()
        if user == 0:  # root reads everything, so be somebody else for a moment
            os.seteuid(65534)
        try:
            error = refused("secret.png", Path(folder))
        finally:
            os.seteuid(user)
        assert error.code == "permission"


@pytest.mark.parametrize("path", ["a\0b.png", "x" * 5000 + ".png", "x" * 10_000_000])
def test_impossible_paths_are_errors_of_reasonable_length(tmp_path: Path, path: str) -> None:
    error = refused(path, tmp_path)
    assert error.code == "unreadable"
    assert len(str(error)) < 600


@pytest.mark.parametrize("path", ["", "  ", None, 7, b"a.png", ["a.png"], {}])
def test_what_is_no_path_at_all_is_refused(tmp_path: Path, path: object) -> None:
    assert refused(path, tmp_path).code == "bad_url"


def test_web_addresses_are_taken_by_their_scheme_and_not_fetched() -> None:
    image = load_image("https://example.invalid/a/cat%20one.webp?size=2", Path())
    assert (image.name, image.media_type, image.is_remote) == ("cat one.webp", "image/webp", True)
    assert image.url == "https://example.invalid/a/cat%20one.webp?size=2"
    assert load_image("HTTP://example.invalid", Path()).name == "example.invalid"
    with pytest.raises(ImageError) as caught:
        image.as_data_url()
    assert caught.value.code == "remote"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/a.png",
        "https://",
        "https:///a.png",
        "http://[::1/a.png",
        "http://a b/c.png",
        "file://host/a.png",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    assert refused(url, Path()).code == "bad_url"


def test_data_urls_are_checked_like_files() -> None:
    plain = base64.b64encode(PNG).decode()
    image = load_image(f"data:image/png;base64,{plain}", Path())
    assert (image.media_type, image.name, image.is_remote) == ("image/png", "image", False)
    assert image.as_data_url() == image.url == f"data:image/png;base64,{plain}"
    assert load_image(f"data:;base64,{plain}", Path()).media_type == "image/png"
    assert load_image(f"DATA:image/png;charset=x;BASE64,{plain.replace('=', '%3D')}", Path()) == image


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("data:image/png;base64", "bad_url"),
        ("data:image/png;base64,!!!", "bad_url"),
        ("data:image/png;base64,", "empty"),
        ("data:image/png;base64," + base64.b64encode(PNG[:20]).decode(), "truncated"),
        ("data:image/png;base64," + base64.b64encode(JPEG).decode(), "mismatch"),
        ("data:text/plain,hello", "unsupported"),
        ("data:image/png;base64," + base64.b64encode(PNG + bytes(MAX_BYTES)).decode(), "too_large"),
        ("data:image/png," + "%00" * (MAX_BYTES + 10), "too_large"),
    ],
    ids=["no comma", "not base64", "empty", "cut", "lie", "text", "too large", "far too large"],
)
def test_bad_data_urls(url: str, code: str) -> None:
    error = refused(url, Path())
    assert error.code == code
    assert len(str(error)) < 400


def test_the_file_is_checked_again_when_it_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "changing.png"
    path.write_bytes(PNG)
    image = load_image("changing.png", tmp_path)
    path.write_text("the passwords")
    with pytest.raises(ImageError, match="not a supported image"):
        image.as_data_url()


@given(content=st.binary(max_size=80), extension=st.sampled_from([".png", ".jpg", ".webp", ".gif", ".txt"]))
def test_no_content_leads_to_anything_but_an_image_or_an_image_error(content: bytes, extension: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, f"x{extension}").write_bytes(content)
        try:
            image = load_image(f"x{extension}", Path(folder))
        except ImageError:
            return
        assert base64.b64decode(image.as_data_url().partition(",")[2]) == content


@given(st.text(max_size=60))
def test_no_text_leads_to_anything_but_an_image_or_an_image_error(text: str) -> None:
    for path in (text, f"data:{text}", f"data:image/png;base64,{text}", f"https://{text}", f"file://{text}"):
        try:
            load_image(path, Path("/nonexistent"))
        except ImageError:
            continue


def test_looking_at_images_needs_no_heavy_imports() -> None:
    code = (
        "import sys; import geppetto.conversation.images\n"
        "print([name for name in ('pydantic', 'http.client', 'asyncio', 'json') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
