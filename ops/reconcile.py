"""`checkout reconcile`: our books of a day against Alipay's bill."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from checkout import clock, money
from checkout.language.chinese import told, word
from checkout.reconciliation import comparison
from checkout.reconciliation.comparison import Report, Sums
from checkout.reconciliation.discrepancies import Discrepancy
from ops.shell import data_dir_option, json_option, print_json, print_table, say, shop


class Day(click.ParamType[date]):
    """A day that has begun in Beijing, as YYYY-MM-DD."""

    name = "day"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            day = date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day like 2026-11-22", param, ctx)
        if day > datetime.now(clock.BEIJING).date():
            self.fail(f"{value} has not begun in Beijing", param, ctx)
        return day


@click.command()
@click.argument("day", metavar="DATE", type=Day())
@data_dir_option
@click.option("--fetch-again", is_flag=True, help="Download the bill although it is kept already.")
@json_option
def reconcile(day: date, data_dir: Path, fetch_again: bool, as_json: bool) -> None:
    """Compare a day with Alipay's bill.

    A day is written like 2026-11-22, in Beijing; status 1 when the books differ. Money that Alipay confirms and we
    did not hear of is taken in. What happened near midnight is held until the bill of the other day is there.
    """
    with shop(data_dir) as resources:
        report = comparison.run(resources, day, fetch_again=fetch_again)
    if as_json:
        print_json(_body(report))
    else:
        _print(report)
    sys.exit(0 if report.is_clean else 1)


def _print(report: Report) -> None:
    sides = ((word("ours"), report.ours), (word("Alipay's"), report.theirs))
    print_table(("", "payments", "yuan", "refunds", "yuan"), [(name, *_cells(sums)) for name, sums in sides])
    if report.discrepancies:
        print_table(
            ("differs", "out_trade_no", "refund", "ours", "Alipay's", "what to do"),
            [_row(one) for one in report.discrepancies],
        )
    if report.open > len(report.discrepancies):
        say(f"{report.open} differ; these are the first")
    say(f"{report.day} agrees" if report.is_clean else f"{report.day} differs")


def _cells(sums: Sums) -> tuple[object, ...]:
    return sums.payments, money.yuan(sums.payments_fen), sums.refunds, money.yuan(sums.refunds_fen)


def _row(one: Discrepancy) -> tuple[object, ...]:
    action = "wait for the bill of the other day" if one.held else one.action
    return one.kind, one.out_trade_no, one.request_no, _yuan(one.ours_fen), _yuan(one.theirs_fen), told(action)


def _yuan(fen: int | None) -> str | None:
    return None if fen is None else money.yuan(fen)


def _body(report: Report) -> dict[str, Any]:
    return {
        "date": report.day.isoformat(),
        "clean": report.is_clean,
        "ours": _sums(report.ours),
        "theirs": _sums(report.theirs),
        "discrepancies": [
            {
                **{name: getattr(one, name) for name in ("kind", "out_trade_no", "request_no", "held", "action")},
                "ours": _yuan(one.ours_fen),
                "theirs": _yuan(one.theirs_fen),
            }
            for one in report.discrepancies
        ],
    }


def _sums(sums: Sums) -> dict[str, object]:
    names = ("payments", "payments_amount", "refunds", "refunds_amount")
    return dict(zip(names, _cells(sums), strict=True))
