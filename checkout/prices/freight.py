"""Freight by region and weight (首重, 续重): a CSV file, as spreadsheets write it.

A line is for a province (`新疆`), a part of one (`广东省 深圳市`), or all others (`*`); the longest that fits holds.
Columns: region, first_weight_g and first_fee, further_weight_g and further_fee for each further weight begun, free_from
(yuan of goods; empty: never), delivered (false: nothing is sent there, and the other columns may be empty).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from checkout import money, tables
from checkout.errors import Invalid, SettingsError
from checkout.prices import regions
from checkout.tables import Row

OTHERS = "*"
LARGEST_FILE_BYTES = 1_000_000
_CURE = "CHECKOUT_FREIGHT_RULES is wrong"
Grams = Annotated[int, Meta(ge=0, le=10_000_000)]


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """One line of the file; fees are yuan."""

    region: Annotated[str, Meta(min_length=1, max_length=100)]
    first_weight_g: Grams = 0
    first_fee: str = "0"
    further_weight_g: Grams = 0
    further_fee: str = "0"
    free_from: str = "0"
    delivered: bool = True


class Rule(NamedTuple):
    """What sending somewhere costs, in fen. `free_from_fen` 0: never free."""

    first_weight_g: int
    first_fen: int
    further_weight_g: int
    further_fen: int
    free_from_fen: int

    def fen(self, weight_g: int, goods_fen: int) -> int:
        """Of so many grams and goods of so many fen."""
        if 0 < self.free_from_fen <= goods_fen:
            return 0
        above = max(0, weight_g - self.first_weight_g)
        return self.first_fen + self.further_fen * (-(-above // self.further_weight_g) if self.further_weight_g else 0)


class Rules:
    """The rules of one file, by place; None stands where nothing is sent."""

    def __init__(self, rules: Mapping[tuple[str, str], Rule | None]) -> None:
        self._rules = rules
        self._parts: dict[str, list[str]] = {}
        for province, part in sorted(rules, key=lambda place: -len(place[1])):
            self._parts.setdefault(province, []).append(part)

    def find(self, region: str) -> Rule | None:
        """The rule for an address's region; None: nothing is sent there. Without a region that of all others."""
        province, part = regions.split(region)
        known = (one for one in self._parts.get(province, ()) if province and part.startswith(one))
        return self._rules.get((province, next(known, OTHERS)), self._rules.get((OTHERS, "")))


def load(path: Path) -> Rules:
    """The rules of the file. Raises SettingsError that names every fault and its line."""
    try:
        content = path.read_bytes()
        if len(content) > LARGEST_FILE_BYTES:
            raise Invalid(f"the file is larger than {LARGEST_FILE_BYTES:,} bytes", "$")
        return Rules(_parsed(tables.rows(content, Item)))
    except OSError as error:
        raise SettingsError(f"{_CURE}: {path} cannot be read ({error.strerror})") from error
    except Invalid as error:
        raise SettingsError(f"{_CURE}: {path}: {error}") from error


def _parsed(rows: Iterable[Row]) -> dict[tuple[str, str], Rule | None]:
    rules: dict[tuple[str, str], Rule | None] = {}
    faults = []
    for row in rows:
        item, fault = tables.item(row, Item)
        place = _place(item.region) if item else ("", "")
        if item and not place[0]:
            fault = f"{item.region!r} is no region of China, like 新疆 or 广东省 深圳市, nor {OTHERS} for all others"
        elif item and place in rules:
            fault = f"{item.region} stands there already"
        elif item:
            rules[place], fault = _rule(item)
        if fault:
            faults.append(f"{row.place}: {fault}")
    if faults:
        raise Invalid(tables.told(faults), "$")
    return rules


def _place(region: str) -> tuple[str, str]:
    return (OTHERS, "") if region == OTHERS else regions.split(region)


def _rule(item: Item) -> tuple[Rule | None, str]:
    if not item.delivered:
        return None, ""
    fees = {}
    for name in ("first_fee", "further_fee", "free_from"):
        try:
            fees[name] = money.fen(getattr(item, name))
        except ValueError:
            return None, f"{name}: {getattr(item, name)!r} is not yuan, like 12.00"
    if fees["further_fee"] and not item.further_weight_g:
        return None, "further_weight_g: a further fee needs a further weight"
    rule = Rule(item.first_weight_g, fees["first_fee"], item.further_weight_g, fees["further_fee"], fees["free_from"])
    return rule, ""
