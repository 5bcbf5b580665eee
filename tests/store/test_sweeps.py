"""Which recorded sweeps are looked at again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from inventory.config import Settings
from inventory.discover import sweeping
from inventory.model import CallState
from inventory.resolve.networks import Networks
from inventory.store import Store
from inventory.store.tables import SWEEP, SWEEP_CALL
from tests.builders import ACCOUNT, REGION

VPCS, ENIS = "ec2.describe-vpcs", "ec2.describe-network-interfaces"


@pytest.mark.parametrize("older", [False, True])
def test_a_file_that_appears_later_is_found_and_then_known(
    url: object, database_url: str, tmp_path: Path, older: bool
) -> None:
    """``older``: the program that recorded the sweep first wrote down which calls were missing."""
    folder = tmp_path / "snapshots" / "20261124T120000Z" / ACCOUNT / REGION
    folder.mkdir(parents=True)
    (folder / f"{VPCS}.json").write_text(json.dumps({"Vpcs": []}))
    settings = Settings.model_validate(
        {"discover": {"mode": "snapshots", "path": str(tmp_path / "snapshots")}}
    )
    with Store.open(database_url, write=True) as store:

        def learnt() -> int:
            new = list(sweeping.new_sweeps(settings, store.known_sweeps()))
            store.learn(new, Networks())
            return len(new)

        assert learnt() == 1
        assert list(store.known_sweeps().values()) == [{VPCS: CallState.WHOLE}]
        if older:
            with store.writing() as conn:
                sweep_id = conn.execute(select(SWEEP.c.id)).scalar_one()
                row = {"sweep_id": sweep_id, "call": ENIS, "state": "missing", "problem": ""}
                conn.execute(insert(SWEEP_CALL), row)
        assert learnt() == 0
        (folder / f"{ENIS}.json").write_text("{")
        assert learnt() == 1
        assert store.call_times()[ACCOUNT, REGION, ENIS].state is CallState.BROKEN
        (folder / f"{ENIS}.json").write_text(json.dumps({"NetworkInterfaces": []}))
        assert [learnt(), learnt()] == [1, 0]
        assert store.call_times()[ACCOUNT, REGION, ENIS].state is CallState.WHOLE
