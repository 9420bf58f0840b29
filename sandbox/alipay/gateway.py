"""What every part of the gateway shares."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from sandbox.alipay import keys, switches
from sandbox.alipay.clock import Clock
from sandbox.alipay.faults import Faults
from sandbox.alipay.signing import Signer
from sandbox.alipay.store import Store
from sandbox.alipay.switches import Switches


@dataclass
class Gateway:
    """The running gateway: its memory, clock, keys, faults and switches. `wake` hurries the notify sender."""

    base_url: str
    store: Store
    clock: Clock
    signer: Signer
    faults: Faults
    switches: Switches
    wake: threading.Event = field(default_factory=threading.Event)

    def set_switches(self, changes: dict[str, Any]) -> None:
        self.switches = switches.changed(self.switches, changes)
        self._keep("switches", self.switches)

    def set_skew(self, seconds: float) -> None:
        self.clock.skew = seconds
        self._keep("skew", seconds)

    def _keep(self, name: str, value: object) -> None:
        sql = "INSERT INTO settings VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
        self.store.run(sql, name, msgspec.json.encode(value).decode())


def open_gateway(data_dir: Path, base_url: str, time_scale: float) -> Gateway:
    """Open the data directory, go on with what is in it, and create what is missing."""
    signer = Signer(keys.ensure(data_dir))
    store = Store(data_dir / "alipay.sqlite3")
    kept = {row["name"]: row["value"] for row in store.all("SELECT name, value FROM settings")}
    return Gateway(
        base_url=base_url,
        store=store,
        clock=Clock(time_scale, msgspec.json.decode(kept.get("skew", "0"), type=float)),
        signer=signer,
        faults=Faults(store),
        switches=msgspec.json.decode(kept.get("switches", "{}"), type=Switches),
    )
