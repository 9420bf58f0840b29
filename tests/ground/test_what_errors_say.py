"""A database error names the fault, and never the values: they are names, phones and addresses."""

from __future__ import annotations

import traceback

import pytest
from sqlalchemy.exc import DBAPIError

from checkout.db import Engine, sql, transaction, verdict

PERSONAL = "张三 13800000000"


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("SELECT CAST(:value AS bigint)", "22P02 invalid input syntax for type bigint"),
        ("SELECT CAST(:value AS text[])", "22P02 malformed array literal"),
        ("SELECT CAST(:value AS json)", "22P02 invalid input syntax for type json"),
        ("SELEC :value", '42601 syntax error at or near "SELEC"'),
        (
            "INSERT INTO spus (id, sales) VALUES (:value, -1)",
            '23514 new row for relation "spus" violates check constraint "spus_sales_check"',
        ),
    ],
)
def test_what_was_refused_is_not_quoted(engine: Engine, statement: str, says: str) -> None:
    with pytest.raises(DBAPIError) as raised, transaction(engine) as connection:
        connection.execute(sql(statement), {"value": PERSONAL})
    assert verdict(raised.value) == says
    told = "".join(traceback.format_exception(raised.value))
    assert "张三" not in told
    assert "13800000000" not in told
