"""`/flash/sale`: starts a flash sale, one at a time, and tells how it goes."""

from __future__ import annotations

import threading

import falcon

from checkout.settings import Settings
from sandbox.local import refuse_strangers
from sandbox.shop.sale import BUYERS, UNITS, Sale

_RUNS = ("selling", "auditing")


class Flash:
    """The newest sale of this server, in a thread of its own."""

    def __init__(self, config: Settings) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._sale: Sale | None = None

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        refuse_strangers(req)
        resp.cache_control = ["no-store"]
        sale = self._sale
        resp.media = sale.told() if sale else {"state": "idle", "buyers": BUYERS, "units": UNITS}

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Raises HTTPConflict while one goes on."""
        refuse_strangers(req)
        with self._lock:
            if self._sale is not None and self._sale.state in _RUNS:
                raise falcon.HTTPConflict(description="a sale goes on")
            self._sale = Sale(self._config)
            threading.Thread(target=self._sale.run, daemon=True).start()
        resp.status, resp.media = falcon.HTTP_202, self._sale.told()
