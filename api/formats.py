"""How values are written in JSON that goes out."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-11-27T08:00:00.123Z"])]
Number = Annotated[str, Meta(pattern="^[0-9]{1,19}$", description="An id: a number, written as a text.")]
# Every sum that we tell, however large: only what may be paid has a bound.
Amount = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]*)\.[0-9]{2}$", description="Yuan.", examples=["119.80"])]
# What went out of an account stands on its bill with a minus.
Difference = Annotated[str, Meta(pattern=r"^-?(0|[1-9][0-9]*)\.[0-9]{2}$", description="Yuan.", examples=["-1.00"])]
Path = Annotated[str, Meta(extra_json_schema={"format": "uri-reference"})]
Address = Annotated[str, Meta(extra_json_schema={"format": "uri"})]
PaymentId = Annotated[
    str, Meta(pattern="^[0-9]+-[0-9]+$", description="The order's id and the attempt's number.", examples=["42-1"])
]
