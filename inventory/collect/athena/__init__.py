"""Flow logs behind an Athena table: :class:`AthenaSource`.

From the table to the facts: ``table`` and ``layout`` learn what is there, ``sql`` asks for one window, ``queries`` runs it, ``rows`` folds
its result; ``workgroup`` and ``spending`` say what may be done.
"""

from inventory.collect.athena.source import AthenaSource

__all__ = ["AthenaSource"]
