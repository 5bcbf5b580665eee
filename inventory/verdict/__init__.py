"""May a file system go? Pure: facts in, a verdict and every reason for it out.

One-sided by construction. IN_USE and REFERENCED need positive evidence, and stand whatever else is missing. QUIET needs everything to have
been looked at: whatever was not looked at, came too late, is possible only, or is too short, is a reason for UNKNOWN. So a fault, which
takes evidence away and leaves a trace of having done so, can move a verdict away from QUIET and never towards it.
"""

from inventory.verdict.connections import Connections, Untouched, all_through
from inventory.verdict.facts import (
    Blind,
    Check,
    Facts,
    History,
    Label,
    Reference,
    Rules,
    Standing,
    Trust,
    Use,
    Witness,
)
from inventory.verdict.judging import judge
from inventory.verdict.reasons import CODES, Code, Judgement, Reason, Severity, Verdict
from inventory.verdict.rhythm import Rhythm, rhythms

__all__ = [
    "CODES",
    "Blind",
    "Check",
    "Code",
    "Connections",
    "Facts",
    "History",
    "Judgement",
    "Label",
    "Reason",
    "Reference",
    "Rhythm",
    "Rules",
    "Severity",
    "Standing",
    "Trust",
    "Untouched",
    "Use",
    "Verdict",
    "Witness",
    "all_through",
    "judge",
    "rhythms",
]
