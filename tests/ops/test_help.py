"""Each command says in one line what it is for, and in full what it does."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from ops.main import main


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


def cut(text: str) -> list[str]:
    """What ends before its end; the first line is about arguments."""
    return [line for line in text.splitlines()[1:] if line.endswith("...")]


@pytest.mark.parametrize("path", [(), *commands(main)], ids=" ".join)
def test_help_is_not_cut_on_a_terminal_of_eighty_columns(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, [*path, "--help"], terminal_width=80)
    assert done.exit_code == 0
    assert not cut(done.output)


def test_a_help_that_is_cut_is_noticed() -> None:
    @click.group()
    def group() -> None:
        """A group."""

    @group.command()
    def talks() -> None:
        """Say more in one single sentence than fits beside the name of the command whose help it is, at length."""

    assert cut(CliRunner().invoke(group, ["--help"], terminal_width=80).output)
