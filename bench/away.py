"""Orders with PostgreSQL elsewhere: some milliseconds away, or behind a PgBouncer that lends by transaction."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import aside, lone, mixes
from bench.aside import Place, Say, Way, load
from bench.client import percentile
from bench.mixes import HOT, MANY
from bench.relay import HOST, Relay, relaying
from bench.stack import Stack, started
from checkout.orders.placement import MOST_ORDERS
from sandbox import pgbouncer, postgres
from sandbox.postgres import USER, Postgres

ROUNDS = 2
DATABASE = "checkout"
# A batch holds its SKU's row from the answer to its lock to the server's COMMIT: so many journeys lie between.
HELD_JOURNEYS = 1


def most_on_one_row(seconds: float) -> float:
    """How many orders a second one hot SKU can see at most, were all work for nothing."""
    return MOST_ORDERS / (HELD_JOURNEYS * seconds) if seconds else float("inf")


@contextmanager
def _server() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="checkout-away-", ignore_cleanup_errors=True) as directory:
        server = Postgres(Path(directory, "data"))
        server.start()
        try:
            postgres.ensure_database(server.url(), DATABASE)
            yield server
        finally:
            server.stop()


def _url(port: int, more: str = "") -> str:
    return f"postgresql+psycopg2://{USER}@{HOST}:{port}/{DATABASE}{more}"


@contextmanager
def distant() -> Iterator[tuple[Stack, Relay]]:
    """A stack, and the network before its database."""
    with _server() as server, relaying(server.socket_dir) as relay:
        told = {"CHECKOUT_DATABASE_URL": _url(relay.port)}
        with started(mixes.catalogue(), 100_000, beside=server, **told) as stack:
            yield stack, relay


def distances(stack: Stack, relay: Relay, seconds: list[float], plan_seconds: float, say: Say) -> dict[float, Place]:
    """Each distance in turn, twice."""
    found = {distance: Place() for distance in seconds}
    mixes.closed(stack, HOT, 64, 2)
    for _ in range(ROUNDS):
        for distance, place in found.items():
            relay.away(distance)
            for mix in (HOT, MANY):
                say(f"{distance * 1000:g} ms away: {mix.title}")
                load(stack, mix, plan_seconds, place)
            say(f"{distance * 1000:g} ms away: lone orders")
            place.lone_ms.append(percentile(lone.measure(stack, 60).seconds, 50) * 1000)
    relay.away(0.0)
    return found


def pooled(seconds: float, say: Say, audit: Callable[[Stack], None]) -> dict[str, Place]:
    """One PostgreSQL; a stack without and one with PgBouncer before it, in turn. Raises FileNotFoundError."""
    with (
        _server() as server,
        tempfile.TemporaryDirectory(prefix="checkout-pooler-") as directory,
        pgbouncer.pooler(server.url(), "transaction", Path(directory)) as port,
    ):
        urls = {"PostgreSQL itself": server.url(DATABASE), "through PgBouncer": _url(port, "?pooling=transaction")}
        ways = {name: Way({"CHECKOUT_DATABASE_URL": url}, beside=server) for name, url in urls.items()}
        return aside.measured(ways, ROUNDS, seconds, say, audit)


def rows(found: dict[float, Place]) -> list[tuple[str, ...]]:
    """A line a distance: the best rates and their share of the first one's, a lone order, and what one row allows."""
    first = next(iter(found.values()))
    lines = []
    for distance, place in found.items():
        rates = (f"{max(place.rates[mix.name]):,.0f}/s, {place.beside(first, mix.name):.2f} ×" for mix in (HOT, MANY))
        allowed = f"{most_on_one_row(distance):,.0f}/s" if distance else ""
        lines.append((f"{distance * 1000:g} ms", *rates, f"{min(place.lone_ms):.1f} ms", allowed))
    return lines
