"""What buyers wrote does not steer the terminal of an operator who reads it."""

from __future__ import annotations

import json

from checkout.db import Engine, sql, transaction
from tests.shared.command import Command
from tests.shared.factories import a_sku, placed

# A title that clears the screen, C1's way of it, DEL, a turn of the writing's direction, a line separator.
STEERING = "\x1b[2J\x9b2J\x7f\u202e\u2028"


def test_every_command_escapes_what_steers(checkout: Command, engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine)
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE order_lines SET title = :title"), {"title": f"杯\u3000子{STEERING}"})
    for command in (("orders", "show", str(order_id)), ("orders", "list"), ("orders", "show", str(order_id), "--json")):
        done = checkout(*command)
        assert done.exit_code == 0, done.output
        assert not set(STEERING) & set(done.output) - set("[2J"), command
    told = json.loads(checkout("orders", "show", str(order_id), "--json").output)
    assert told["items"][0]["title"] == f"杯\u3000子{STEERING}"


def test_an_error_does_not_either(checkout: Command) -> None:
    done = checkout("stuck", "resolve", "kind", f"subject{STEERING}", "--note", "x")
    assert done.exit_code != 0
    assert not set(STEERING) & set(done.output) - set("[2J")
