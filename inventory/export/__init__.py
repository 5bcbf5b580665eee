"""The inventory as records for other systems (a CMDB): what is exported, whatever the file format.

:mod:`~inventory.export.records` makes records of answers, :mod:`~inventory.export.schema` says what is in them. The other modules write
them: :mod:`~inventory.export.ndjson`, :mod:`~inventory.export.delimited` (CSV) and :mod:`~inventory.export.parquet`, each record as it
comes.
"""

from inventory.export.records import (
    SCHEMA_VERSION,
    Asked,
    Group,
    Record,
    client_key,
    file_system_key,
    flattened,
    groups,
    records,
)

__all__ = [
    "SCHEMA_VERSION",
    "Asked",
    "Group",
    "Record",
    "client_key",
    "file_system_key",
    "flattened",
    "groups",
    "records",
]
