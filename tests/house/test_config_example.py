"""``config.example.toml`` is what people copy: it loads, and it shows every key that there is.

In it ``#key = value`` is a setting commented out, and ``# Words`` are words.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inventory import config

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
ENVIRONMENT = {"EFS_INVENTORY_EXTERNAL_ID": "example"}


def uncommented() -> dict[str, Any]:
    return tomllib.loads(re.sub(r"(?m)^#(?=[\w\[\"])", "", EXAMPLE.read_text(encoding="utf-8")))


def shown(document: dict[str, Any], path: str = "") -> Iterator[str]:
    """The path of every key in the document, as :func:`config.keys` spells them."""
    for key, value in document.items():
        full = f"{path}.{key}".lstrip(".")
        if full == "sources":
            for source in value:
                yield from shown(source, f"sources.{source['type']}")
        elif full in config.SECTIONS:
            for each in value if isinstance(value, list) else [value]:
                yield from shown(each, full)
        else:
            yield full


def test_the_example_loads() -> None:
    settings = config.load(EXAMPLE, environ={})
    assert [source.name for source in settings.sources] == ["flow-logs"]


def test_the_example_shows_every_key() -> None:
    document = uncommented()
    config.parse(document, folder=EXAMPLE.parent, environ=ENVIRONMENT)
    found = set(shown(document))
    shared = config.SourceSettings.model_fields.keys()
    for source in document["sources"]:  # what all types have is shown with the first
        found |= {f"sources.{source['type']}.{key}" for key in shared}
    assert set(config.keys()) == found


def test_what_is_commented_out_is_the_default() -> None:
    whole = config.parse(uncommented(), folder=EXAMPLE.parent, environ=ENVIRONMENT)
    plain = config.load(EXAMPLE, environ={})
    for section in ("database", "collect", "verdict", "retention"):
        assert getattr(whole, section) == getattr(plain, section)
    assert whole.discover.every == plain.discover.every
    assert whole.discover.references == plain.discover.references
