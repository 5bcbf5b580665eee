"""The documentation names every command, option, configuration key and exit code, and none that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from inventory import config
from inventory.cli import cli
from inventory.cli.output import FORMATS

ROOT = Path(__file__).parents[2]
CLI = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
CONFIG = (ROOT / "docs/reference/config.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands(group: click.Group = cli, before: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def headings(text: str) -> dict[str, str]:
    """Each heading of the second and third level, and what stands below it."""
    parts = re.split(r"(?m)^#{2,3} (.+)$", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=lambda each: each if isinstance(each, str) else ""
)
def test_every_command_has_a_heading_with_its_arguments(name: str, command: click.Command) -> None:
    heading = next(
        (each for each in headings(CLI) if each == name or each.startswith(f"{name} ")), None
    )
    assert heading is not None, f"docs/reference/cli.md has no heading for `{name}`"
    for parameter in command.params:
        shown = (
            parameter.opts[0]
            if isinstance(parameter, click.Option)
            else parameter.make_metavar(click.Context(command))
        )
        assert shown in heading or (
            shown == "--format" and name in {"list", "who", "mounts", "status", "changes"}
        )


def test_no_command_is_described_that_does_not_exist() -> None:
    known = {name.split()[0] for name, _ in commands()}
    for page in PAGES:
        for name in re.findall(
            r"efs-inventory (?:--config \S+ )?([a-z][a-z-]+)", page.read_text(encoding="utf-8")
        ):
            assert name in known, f"{page.name} speaks of `efs-inventory {name}`"


def test_every_option_of_the_program_is_named() -> None:
    for parameter in cli.params:
        for option in parameter.opts:
            assert f"`{option}" in CLI
    for form in FORMATS:
        assert f"`{form}`" in CLI


def test_every_exit_code_is_named() -> None:
    assert re.findall(r"(?m)^\| (\d+) \|", CLI) == [
        "0",
        "1",
        "2",
        "3",
        "10",
        "11",
        "12",
        "130",
        "141",
    ]


@pytest.mark.parametrize("path", list(config.keys()))
def test_every_key_is_documented_in_its_section(path: str) -> None:
    section, _, key = path.rpartition(".")
    found = headings(CONFIG)
    home = section.removeprefix("sources.")
    names = [
        f"[{section}]",
        f"[[{section}]]",
        f'type = "{home}"',
        *(["[[sources]]"] if section.startswith("sources.") else []),
        f"[{key}]",
    ]
    assert any(f"`{key}`" in found.get(name, "") for name in names), (
        f"docs/reference/config.md does not name {path}"
    )


def test_no_key_is_documented_that_does_not_exist() -> None:
    known = {path.rpartition(".")[2] for path in config.keys()}  # noqa: SIM118 - a function, no mapping
    documented = set(re.findall(r"(?m)^\| `([a-z_]+)` \|", CONFIG))
    assert documented <= known


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
