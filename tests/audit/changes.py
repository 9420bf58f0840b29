"""What a change to the tables is, and which proof must find it: the rows of the table of corruptions."""

from __future__ import annotations

from typing import NamedTuple


class Corruption(NamedTuple):
    done: str
    proof: str
    names: str
    statements: tuple[str, ...]


def row(done: str, proof: str, names: int | str, *statements: str) -> Corruption:
    return Corruption(done, proof, str(names), statements)


def order(done: str, proof: str, order_id: int, change: str) -> Corruption:
    return row(done, proof, order_id, f"UPDATE orders SET {change} WHERE id = {order_id}")


def attempt(done: str, proof: str, order_id: int, change: str, n: int = 1) -> Corruption:
    return row(done, proof, f"{order_id}-{n}", f"UPDATE payments SET {change} WHERE order_id = {order_id} AND n = {n}")
