"""Whether this process lives, and whether it can keep its promise."""

from __future__ import annotations

from typing import Literal

import msgspec
from falcon.asgi import Request, Response

from api import reading
from api.runtime import Runtime
from checkout import schema
from checkout.audit import heartbeats
from checkout.errors import Unavailable


class Alive(msgspec.Struct):
    status: Literal["ok"]


class Ready(msgspec.Struct):
    """`standing_still` names loops that have run and rest now."""

    status: Literal["ok"]
    standing_still: list[str]


async def live(_api: Runtime, _req: Request, resp: Response) -> None:
    """The process answers."""
    reading.answer(resp, Alive("ok"))


async def ready(api: Runtime, _req: Request, resp: Response) -> None:
    """Orders can be stored, whatever else stands still: a 202 needs neither the broker nor a worker."""
    if api.waiters.leaving:
        raise Unavailable("this process ends; others are there")
    if why := await api.transact(schema.misfit):
        raise Unavailable(f"the database does not fit: {why}")
    silent = await api.transact(heartbeats.standing_still)
    reading.answer(resp, Ready("ok", silent))
