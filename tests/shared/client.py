"""Callers of the API: the application runs in this process, in an event loop of its own thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from falcon.testing import ASGIConductor, Result

from api import auth
from api.app import create_app
from api.runtime import Runtime
from checkout.settings import Settings
from tests.shared import contract
from tests.shared.factories import ADDRESS

T = TypeVar("T")

LONGEST_SECONDS = 60


def token(settings: Settings, user_id: int = 1, *, is_operator: bool = False) -> str:
    return auth.issue(settings.jwt_secret, user_id, is_operator=is_operator, ttl_seconds=600)


def an_order_body(**members: Any) -> dict[str, Any]:
    """The JSON of an order request; a member of None is left out."""
    address = {name: getattr(ADDRESS, name) for name in ("recipient", "phone", "region", "detail")}
    body = {"items": [{"sku_id": "1", "quantity": 1}], "pay_method": "alipay", "address": address} | members
    return {name: value for name, value in body.items() if value is not None}


class Client:
    """Blocking calls, each as the user it names; `together` runs many at the same instant."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.runtime = Runtime(settings)
        self.conductor = ASGIConductor(create_app(self.runtime))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def start(self) -> None:
        self.wait(self.conductor.__aenter__())

    def stop(self) -> None:
        self.wait(self.conductor.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LONGEST_SECONDS)
        self._loop.close()

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Starts the work in the application's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.begin(work).result(LONGEST_SECONDS)

    async def call(
        self,
        method: str,
        path: str,
        *,
        user: int | None = 1,
        is_operator: bool = False,
        headers: dict[str, str] | None = None,
        **request: Any,
    ) -> Result:
        given = dict(headers or {})
        if user is not None:
            given.setdefault("Authorization", f"Bearer {token(self.settings, user, is_operator=is_operator)}")
        result: Result = await self.conductor.simulate_request(method, path, headers=given, **request)
        contract.check(method, path, result.status_code, result.headers, result.content)
        return result

    def get(self, path: str, **request: Any) -> Result:
        return self.wait(self.call("GET", path, **request))

    def post(self, path: str, **request: Any) -> Result:
        return self.wait(self.call("POST", path, **request))

    def put(self, path: str, **request: Any) -> Result:
        return self.wait(self.call("PUT", path, **request))

    def patch(self, path: str, **request: Any) -> Result:
        return self.wait(self.call("PATCH", path, **request))

    def delete(self, path: str, **request: Any) -> Result:
        return self.wait(self.call("DELETE", path, **request))

    def order(self, key: str, body: dict[str, Any] | None = None, **request: Any) -> Result:
        """POST /v1/orders."""
        headers = {"Idempotency-Key": key}
        return self.post("/v1/orders", headers=headers, json=body or an_order_body(), **request)

    def together(self, calls: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
        async def all_of_them() -> list[Result]:
            return list(await asyncio.gather(*calls))

        return self.wait(all_of_them())


@contextmanager
def serving(settings: Settings) -> Iterator[Client]:
    client = Client(settings)
    client.start()
    try:
        yield client
    finally:
        client.stop()


def problem(result: Result) -> tuple[int, str]:
    """Status and code of a problem+json answer."""
    assert result.headers["content-type"] == "application/problem+json", result.text
    assert result.json["status"] == result.status_code
    return result.status_code, result.json["code"]
