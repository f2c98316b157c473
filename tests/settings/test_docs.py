"""The page about settings names every one of them."""

import re
from pathlib import Path

import pytest
from geppetto.settings.environment import variable_names
from geppetto.settings.find import VENDOR_VARIABLES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "settings.md").read_text("utf-8")


@pytest.mark.parametrize("key", sorted(set(variable_names().values())))
def test_every_setting_is_on_the_page(key: str) -> None:
    section, name = key.split(".")
    tables = re.findall(rf"^\|[^|\n]*`\[{section}\]`.*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert len(tables) == 1
    assert f"`{name}`" in tables[0]


def test_every_vendors_variable_is_on_the_page() -> None:
    assert all(f"`{name}`" in PAGE for name in VENDOR_VARIABLES)
