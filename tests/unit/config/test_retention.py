"""Two keys that cannot both be meant: what is forgotten before it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inventory import config
from inventory.errors import ConfigError


def parsed(**sections: Any) -> config.Settings:
    return config.parse(sections, folder=Path("/srv/inventory"), environ={})


@pytest.mark.parametrize(
    ("sections", "named"),
    [
        (
            {"retention": {"days": "99d"}},
            ["retention.days", "99d", "[verdict] min_window", "100d", "no default window"],
        ),
        (
            {"retention": {"days": "100d"}, "collect": {"since": "101d"}},
            ["retention.days", "[collect] since", "101d"],
        ),
        (
            {"sources": [{"name": "logs", "type": "files", "path": "l", "since": "500d"}]},
            ["retention.days", "400d", "since of [[sources]] logs", "500d"],
        ),
        ({"notify": {"gone_after": "500d"}}, ["retention.days", "[notify] gone_after"]),
        ({"retention": {"intervals": "300d"}}, ["retention.intervals", "days", "300d", "400d"]),
        ({"retention": {"knowledge": "9600h"}, "verdict": {"min_window": "36h"}}, []),
        ({"retention": {"knowledge": "9599h"}}, ["retention.knowledge", "9599h", "400d"]),
        (
            {"retention": {"days": "30d"}, "notify": {"gone_after": "90d"}},
            ["[verdict] min_window", "[notify] gone_after"],
        ),
        ({"retention": {"days": "30d"}, "verdict": {"min_window": "30d"}}, []),
        ({"collect": {"since": "2020-01-01"}}, []),  # a date is no length
        ({"retention": {"runs": "900d"}}, []),
    ],
)
def test_both_are_named(sections: dict[str, Any], named: list[str]) -> None:
    if not named:
        parsed(**sections)
        return
    with pytest.raises(ConfigError) as caught:
        parsed(**sections)
    assert all(each in str(caught.value) for each in named)
