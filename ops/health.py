"""`checkout migrate` and `checkout audit`: whether the database is right."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import click
from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
from sqlalchemy.exc import DBAPIError

from checkout import db, schema, settings
from checkout.audit import invariants as auditing
from checkout.audit import results
from checkout.audit.invariants import Finding
from checkout.db import Engine, reading, transaction
from checkout.language.chinese import told
from checkout.schema import migrations
from ops.shell import data_dir_option, database, json_option, print_json, say, visible

AUDIT_STATEMENT_SECONDS = 600
LONGEST_STATEMENT_SECONDS = 86_400


@click.command()
@click.option("--finish", is_flag=True, help="No older process runs any more: allow what it would get wrong.")
@data_dir_option
def migrate(data_dir: Path, finish: bool) -> None:
    """Bring the database to this version's schema.

    An empty one gets it whole, an older one is brought there while it serves; interrupted, it goes on where it was.
    When all processes are of this version, --finish ends the upgrade.
    """
    with database(data_dir, statement_seconds=LONGEST_STATEMENT_SECONDS) as engine:
        if finish:
            say("the upgrade is finished" if migrations.finish(engine, say) else "it was finished before")
            return
        if not migrations.migrate(engine, say):
            say("the schema is there")
            return
        with transaction(engine) as connection:
            schema.turn_partitions(connection)


class Time(click.ParamType[datetime]):
    """An RFC 3339 instant, UTC when it names no offset."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time like 2026-11-22T08:00:00Z", param, ctx)
        return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


@click.command()
@data_dir_option
@click.option("--since", type=Time(), help="Only orders accepted from then on, such as 2026-11-22T08:00:00Z.")
@click.option(
    "--prometheus",
    "textfile",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the result there, too, as node_exporter's textfile collector reads it.",
)
@json_option
def audit(data_dir: Path, since: datetime | None, textfile: Path | None, as_json: bool) -> None:
    """Prove the invariants. All in one read-only snapshot; status 1 when one is broken.

    What a whole one found is kept for `checkout doctor` and the alerts.
    """
    if textfile is not None and not textfile.parent.is_dir():
        raise click.BadParameter(f"there is no folder {textfile.parent}", param_hint="--prometheus")
    engine = db.connect(
        settings.database_url(data_dir), size=1, statement_seconds=AUDIT_STATEMENT_SECONDS, by_index=False
    )
    with reading(engine) as connection, _bar(auditing.run(connection, since)) as proven:
        findings = list(proven)
    is_whole = all(finding.ok for finding in findings)
    if since is None:
        _keep(engine, findings)
    engine.dispose()
    if as_json:
        print_json({"ok": is_whole, "checks": [finding._asdict() for finding in findings]})
    else:
        for finding in findings:
            click.echo(f"{'ok' if finding.ok else 'breach':7} {finding.name:35} {told(visible(finding.detail))}")
    if textfile is not None:
        _tell_prometheus(textfile, findings)
    sys.exit(0 if is_whole else 1)


def _keep(engine: Engine, findings: list[Finding]) -> None:
    """A standby takes no change, and who may only read makes none: what was found counts all the same."""
    try:
        with transaction(engine) as connection:
            results.keep(connection, findings)
    except DBAPIError as error:
        say(f"the result is not kept ({db.verdict(error).strip()}): --prometheus tells it elsewhere", err=True)


def _bar(proven: Iterator[Finding]) -> AbstractContextManager[Iterable[Finding]]:
    """Beside many orders a proof takes its time; a program that reads our errors is spared the bar."""
    hidden = not sys.stderr.isatty()
    return click.progressbar(proven, len(auditing.PROOFS), "proving", file=sys.stderr, hidden=hidden)


def _tell_prometheus(file: Path, findings: list[Finding]) -> None:
    """Whole or not at all: it is read at any moment."""
    registry = CollectorRegistry()
    ok = Gauge("checkout_audit_ok", "1: the last audit found nothing.", registry=registry)
    at = Gauge("checkout_audit_finished_seconds", "When the last audit was done.", registry=registry)
    broken = Gauge("checkout_audit_broken", "1: that invariant is broken.", ("proof",), registry=registry)
    ok.set(all(finding.ok for finding in findings))
    at.set_to_current_time()
    for finding in findings:
        broken.labels(finding.name).set(not finding.ok)
    write_to_textfile(str(file), registry)
