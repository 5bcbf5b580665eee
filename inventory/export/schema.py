"""The published JSON Schema of records: in the installed package, or in the documentation of a checkout."""

from __future__ import annotations

from pathlib import Path

from inventory.errors import InventoryError
from inventory.export.records import SCHEMA_VERSION

NAME = f"export-schema-v{SCHEMA_VERSION}.json"


def text() -> str:
    """The schema of the records that this program writes."""
    package = Path(__file__).resolve().parent
    for folder in (package, package.parent.parent / "docs" / "reference"):
        if (folder / NAME).is_file():
            return (folder / NAME).read_text(encoding="ascii")
    raise InventoryError(
        f"{NAME} is missing from {package}", hint="install efs-mount-inventory again"
    )
