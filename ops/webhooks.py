"""`checkout webhooks`: who hears of events by HTTP."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from api import operator_answers
from checkout.db import reading, transaction
from checkout.webhooks import endpoints, history
from checkout.webhooks import subjects as waiting
from checkout.webhooks.endpoints import Secret
from ops.shell import data_dir_option, database, json_option, print_json, print_table, say, visible

SHOWN = 20
WEBHOOK_ID = click.IntRange(1, 2**63 - 1)
EVENT_ID = click.IntRange(0, 2**63 - 1)
_PRIVATE = "It may lie on this machine or in a private network, and without TLS."


@click.group()
def webhooks() -> None:
    """Send events by HTTP, as Standard Webhooks has it."""


@webhooks.command()
@click.argument("url")
@click.option(
    "--topic", "topics", multiple=True, default=("#",), help="Such as order.*; may be repeated.  [default: #]"
)
@click.option("--after", type=EVENT_ID, help="Send what the log has after that event, too.")
@click.option("--allow-private", is_flag=True, help=_PRIVATE)
@data_dir_option
@json_option
def add(
    url: str, topics: tuple[str, ...], after: int | None, allow_private: bool, data_dir: Path, as_json: bool
) -> None:
    """Send events to a URL from now on. Prints the secret that signs them, once."""
    endpoints.require_allowed(url, allow_private)
    with database(data_dir) as engine, transaction(engine) as connection:
        made = endpoints.add(connection, url, list(dict.fromkeys(topics)), private=allow_private, after=after)
    _tell(made, as_json)


def _tell(made: Secret, as_json: bool) -> None:
    body = operator_answers.webhook_secret(made)
    if as_json:
        print_json(body)
    else:
        columns = ("webhook", "secret", "the former one signs until")
        print_table(columns, [(body.id, body.secret, body.former_secret_until)])


@webhooks.command()
@click.argument("webhook_id", metavar="ID", type=WEBHOOK_ID)
@click.option("--url", help="Where it is from now on.")
@click.option("--topic", "topics", multiple=True, help="Such as order.*; may be repeated.")
@click.option("--allow-private", is_flag=True, help=_PRIVATE)
@data_dir_option
def change(webhook_id: int, url: str | None, topics: tuple[str, ...], allow_private: bool, data_dir: Path) -> None:
    """Change the URL or the topics. The secret and what waits stay; what waits is tried at once."""
    if url is None and not topics:
        raise click.UsageError("name --url or --topic")
    if url is not None:
        endpoints.require_allowed(url, allow_private)
    with database(data_dir) as engine, transaction(engine) as connection:
        endpoints.change(connection, webhook_id, url, list(dict.fromkeys(topics)) or None, private=allow_private)
    say(f"webhook {webhook_id} is changed")


@webhooks.command(name="list")
@data_dir_option
@json_option
def list_all(data_dir: Path, as_json: bool) -> None:
    """List the endpoints, and what they answered last."""
    with database(data_dir) as engine, reading(engine) as connection:
        found = [operator_answers.webhook(one) for one in endpoints.all_of(connection)]
    if as_json:
        print_json({"webhooks": found})
    else:
        columns = ("id", "url", "topics", "reached", "set aside", "last", "answer")
        rows = [(w.id, w.url, " ".join(w.topics), w.reached, w.set_aside, w.last_at, w.last_answer) for w in found]
        print_table(columns, rows)


@webhooks.command()
@click.argument("webhook_id", metavar="ID", type=WEBHOOK_ID)
@data_dir_option
@json_option
def show(webhook_id: int, data_dir: Path, as_json: bool) -> None:
    """Show what waits, and what was answered. Subjects wait behind an event that was refused."""
    with database(data_dir) as engine, reading(engine) as connection:
        one = endpoints.find(connection, webhook_id)
        aside, newest = waiting.oldest(connection, webhook_id, SHOWN), history.newest(connection, webhook_id, SHOWN)
    body = operator_answers.webhook_detail(one, aside, newest)
    if as_json:
        print_json(body)
        return
    for name in ("url", "topics", "reached", "gone", "failures", "next_try_at", "former_secret_until"):
        click.echo(visible(f"{name} {getattr(body, name)}"))
    say(f"{body.set_aside} subjects wait")
    columns = ("subject", "event", "since", "tries", "next try", "answer")
    print_table(columns, [(s.subject, s.event_id, s.event_at, s.tries, s.next_try_at, s.answer) for s in body.subjects])
    sent = [(d.at, d.event_id, d.topic, d.subject, d.taken, d.answer) for d in body.deliveries]
    print_table(("at", "event", "topic", "subject", "taken", "answer"), sent)


@webhooks.command()
@click.argument("webhook_id", metavar="ID", type=WEBHOOK_ID)
@data_dir_option
def test(webhook_id: int, data_dir: Path) -> None:
    """Send a message that is no event. Prints the answer; status 1 when it is not taken."""
    with database(data_dir) as engine:
        answer = history.test(engine, webhook_id)
    click.echo(visible(answer.text))
    sys.exit(0 if answer.is_taken else 1)


@webhooks.command()
@click.argument("webhook_id", metavar="ID", type=WEBHOOK_ID)
@click.option("--after", type=EVENT_ID, help="Send again what the log has after that event.")
@data_dir_option
def replay(webhook_id: int, after: int | None, data_dir: Path) -> None:
    """Try at once what waits. With --after, send again what was sent before."""
    with database(data_dir) as engine, transaction(engine) as connection:
        endpoints.replay(connection, webhook_id, after)
    say(f"webhook {webhook_id} is tried again")


@webhooks.command()
@click.argument("webhook_id", metavar="ID", type=WEBHOOK_ID)
@data_dir_option
@json_option
def rotate(webhook_id: int, data_dir: Path, as_json: bool) -> None:
    """Print a new secret; for a day the former one signs as well."""
    with database(data_dir) as engine, transaction(engine) as connection:
        made = endpoints.rotate(connection, webhook_id)
    _tell(made, as_json)


@webhooks.command()
@click.argument("webhook_id", metavar="ID", type=WEBHOOK_ID)
@data_dir_option
def remove(webhook_id: int, data_dir: Path) -> None:
    """Send nothing more there."""
    with database(data_dir) as engine, transaction(engine) as connection:
        endpoints.remove(connection, webhook_id)
    say(f"webhook {webhook_id} is removed")
