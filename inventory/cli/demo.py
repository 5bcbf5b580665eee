"""``demo``: the whole job on example data, told step by step."""

from __future__ import annotations

import shutil
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from inventory.cli.blocks import Block, Line, show
from inventory.cli.face import Face
from inventory.errors import UsageError

_PROSE = 100
"""Characters of a line of prose where the terminal has room for more."""

_STORY = (
    (
        "shop-media",
        (
            "A busy one. Web servers come as their Auto Scaling group, tasks as their service, and of the two functions behind one "
            "interface only one declares the mount. One address belonged to a web server and later to a task: told apart. Pods mount "
            "through their nodes; a dump of the Kubernetes cluster tells which."
        ),
    ),
    (
        "payroll",
        (
            "Two functions share an interface and both declare the mount: which of them it was cannot be told, so both are named. An "
            "on-premises client has the name that the configuration gives its network. A server that was turned away is no mount."
        ),
    ),
    (
        "nightly-reports",
        "Mounted all week, but only the lease is renewed: idle. It would break if the file system went.",
    ),
    (
        "legacy-wiki",
        "Nobody, and it was watched all the time: a scanner's contact is not taken for a mount.",
    ),
    (
        "ml-scratch",
        "Nobody was seen either, but capturing skipped 20 minutes. That is not the same as nobody, so it says so.",
    ),
)


@click.command()
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep example data, database and configuration in DIR, to ask more.",
)
@click.pass_obj
def demo(face: Face, *, keep: Path | None) -> None:
    """The whole job on bundled example data: no AWS, no configuration."""
    with _folder(keep) as folder:
        _gather(face, folder)
        _tell(face)
        show(_ending(folder, kept=keep is not None))


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="efs-inventory-demo-") as folder:
            yield Path(folder)
        return
    try:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise UsageError(f"--keep: {keep} is not empty", hint="name a new folder")
    except OSError as error:
        raise UsageError(f"--keep: cannot use {keep}: {error.strerror or error}") from error
    yield keep


def _gather(face: Face, folder: Path) -> None:
    """Write the example data, and read them as any others."""
    from inventory.cli.gather import collect_once, summary_lines
    from inventory.demo import prepare

    show(
        [
            Line("A made-up company's week", "bold"),
            Line(f"Writing recorded AWS answers and flow logs to {folder} …"),
        ]
    )
    face.settings = prepare(folder)
    outcome = collect_once(face, sources=(), since=None, until=None)
    show([*summary_lines(outcome), Line("")])


def _tell(face: Face) -> None:
    from inventory.cli.view_list import list_blocks
    from inventory.cli.view_mounts import who_blocks
    from inventory.cli.view_status import status_blocks

    with face.answers() as answers:
        listed = answers.list()
        times = face.times(listed["as_of"])
        show(_heading("list", "Every file system, and whether what is not seen was looked at."))
        show(list_blocks(listed, times))
        for name, explanation in _STORY:
            answer = answers.who(name)
            show(_heading(f"who {name}", explanation))
            show(who_blocks(answer, "workload", face.times(answer["as_of"])))
        show(
            _heading(
                "status",
                "How well it sees: what was read, what is missing, what could not be told.",
            )
        )
        show(status_blocks(answers.status(), times))


def _heading(command: str, explanation: str) -> Iterator[Block]:
    yield Line("")
    yield Line(f"$ efs-inventory {command}", "bold cyan")
    for part in textwrap.wrap(explanation, shutil.get_terminal_size((_PROSE, 24)).columns):
        yield Line(part, "italic")
    yield Line("")


def _ending(folder: Path, *, kept: bool) -> Iterator[Block]:
    yield Line("")
    if kept:
        yield Line(f"All of it is in {folder}. Ask more, such as:", "bold")
        yield Line(
            f"  efs-inventory --config {folder / 'efs-inventory.toml'} who nightly-reports --by client"
        )
    else:
        yield Line(
            "The example data are gone again; `efs-inventory demo --keep DIR` keeps them to ask more.",
            "dim",
        )
