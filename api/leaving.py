"""How a process of the API ends: who waits is sent to the others at once, and what is under way is finished."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

from api.runtime import Runtime


class Leaving:
    """Takes SIGTERM from the server, which would let those who wait for an order wait on until they are cut off."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def process_startup(self, _scope: dict[str, Any], _event: dict[str, Any]) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._leave)

    def _leave(self) -> None:
        self._runtime.waiters.leave()
        # The server hears this one as well: it accepts nobody else, and ends when the last request is answered.
        os.kill(os.getpid(), signal.SIGINT)
