"""`checkout stuck`: what needs a person, money first, and what a person has settled."""

from __future__ import annotations

from pathlib import Path

import click

from checkout import clock
from checkout.audit import stuck as waiting
from checkout.audit.stuck import PAGE, Matter
from checkout.db import reading, transaction
from checkout.language.chinese import told
from ops.shell import data_dir_option, database, json_option, print_json, print_table, say


@click.group(invoke_without_command=True)
@data_dir_option
@click.option("--kind", type=click.Choice(waiting.KINDS), help="Only matters of this kind.")
@click.option("--page", type=click.IntRange(1), default=1, show_default=True, help=f"Which {PAGE} of them.")
@json_option
@click.pass_context
def stuck(context: click.Context, data_dir: Path, kind: str | None, page: int, as_json: bool) -> None:
    """List the money and the orders that need a person, money first."""
    if context.invoked_subcommand is not None:
        return
    with database(data_dir) as engine, reading(engine) as connection:
        found, counted = waiting.find(connection, kind or "", page), waiting.count(connection)
    if as_json:
        print_json([matter._asdict() | {"since": clock.rfc3339(matter.since)} for matter in found])
    elif not counted:
        say("nothing is stuck")
    else:
        _print(found, counted)


def _print(found: list[Matter], counted: dict[str, int]) -> None:
    rows = [(m.kind, m.subject, clock.rfc3339(m.since), told(m.detail), told(m.cure)) for m in found]
    print_table(("kind", "subject", "since", "what is known", "what to do"), rows)
    total = sum(counted.values())
    say(f"{total} in all: {', '.join(f'{count} {kind}' for kind, count in counted.items())}")
    if total > len(found):
        say("see the others with --page, or one kind with --kind")


@stuck.command()
@click.argument("kind", type=click.Choice(waiting.KINDS))
@click.argument("subject")
@click.option("--note", required=True, help="How it was settled.")
@data_dir_option
def resolve(kind: str, subject: str, note: str, data_dir: Path) -> None:
    """Close a matter that a person has settled. It comes back only when it begins anew."""
    if not note.strip():
        raise click.BadParameter("say how it was settled", param_hint="--note")
    with database(data_dir) as engine, transaction(engine) as connection:
        waiting.resolve(connection, kind, subject, note)
    say(f"{kind} {subject} is settled")
