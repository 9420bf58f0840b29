"""The stack that a drill is played on: fresh, in a temporary directory, and gone afterwards."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from checkout import db, settings
from checkout.db import Engine, sql, transaction
from docs.drills.load import HOT, LAST, POISON, Load
from ops.demo.shop import Shop
from ops.up import RunningStack, start_stack
from sandbox import ports
from sandbox.alipay import keys
from sandbox.alipay.door import token_of

COMMAND_SECONDS = 60
WELL_SECONDS = 180.0
PAUSE_SECONDS = 0.5
_GOODS = {HOT: 1_000_000, LAST: 1, POISON: 1000}


class NotWell(Exception):
    """The stack did not come to where it should be."""


@dataclass(frozen=True)
class Setting:
    """How the stack of a drill is started; `disk_bytes` is the size of the disk that it has for itself."""

    pay_window: str = "30m"
    time_scale: float = 1.0
    certified: bool = False
    disk_bytes: int = 0


@dataclass(frozen=True)
class Scene:
    """A running stack with buyers in it."""

    running: RunningStack
    engine: Engine
    shop: Shop
    load: Load

    @property
    def data_dir(self) -> Path:
        return self.running.data_dir

    @property
    def log_dir(self) -> Path:
        return self.data_dir / "logs"

    def checkout(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """An operator's command on this stack."""
        return checkout(self.data_dir, *arguments)

    def execute(self, statement: str, **values: object) -> None:
        with transaction(self.engine) as connection:
            connection.execute(sql(statement), values)


def checkout(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-P", "-m", "ops.main", *arguments, "--data-dir", str(data_dir)],
        env=_environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=COMMAND_SECONDS,
        check=False,
    )


def until(holds: Callable[[], bool], what: str, seconds: float = WELL_SECONDS) -> float:
    """Waits for a state and returns how many seconds that took. Raises NotWell."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() > began + seconds:
            raise NotWell(f"after {seconds:.0f} s still not: {what}")
        time.sleep(PAUSE_SECONDS)
    return time.monotonic() - began


@contextlib.contextmanager
def started(setting: Setting) -> Iterator[Scene]:
    """A stack that is ready and has served its first buyers."""
    with (
        tempfile.TemporaryDirectory(prefix="checkout-drill-", ignore_cleanup_errors=True) as directory,
        _disk(Path(directory, "data"), setting.disk_bytes) as data_dir,
        _running(data_dir, setting) as running,
    ):
        engine = db.connect(settings.stored(data_dir)["CHECKOUT_DATABASE_URL"], statement_seconds=60)
        try:
            yield from _peopled(running, engine)
        finally:
            engine.dispose()


def _peopled(running: RunningStack, engine: Engine) -> Iterator[Scene]:
    _stock(running.data_dir)
    if checkout(running.data_dir, "audit").returncode:  # Each deployment does so; where nobody audits is an alert.
        raise NotWell("the first audit did not go well")
    told, token = settings.stored(running.data_dir), token_of(running.data_dir / "alipay")
    shop = Shop(told, token, lambda *arguments: checkout(running.data_dir, *map(str, arguments)).stdout)
    with Load(shop) as load:
        until(lambda: load.placed > 0, "a first order is placed")
        yield Scene(running, engine, shop, load)


def _stock(data_dir: Path) -> None:
    goods = [
        {"sku_id": sku, "spu_id": sku, "title": sku, "price": "20.00", "stock": stock, "on_sale": True}
        for sku, stock in _GOODS.items()
    ]
    file = data_dir / "drill.json"
    file.write_text(json.dumps(goods), encoding="utf-8")
    done = checkout(data_dir, "catalog", "load", str(file))
    if done.returncode:
        raise NotWell(f"checkout catalog load: {done.stderr or done.stdout}")


@contextlib.contextmanager
def _disk(directory: Path, size: int) -> Iterator[Path]:
    """A directory; with a size it is a file system of its own (tmpfs), which only root may mount."""
    directory.mkdir(mode=0o700)
    if not size:
        yield directory
        return
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(directory)]
    subprocess.run(mount, check=True)  # noqa: S603 - our own command
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=False)  # noqa: S603, S607 - our own command


@contextlib.contextmanager
def _running(data_dir: Path, setting: Setting) -> Iterator[RunningStack]:
    with start_stack(
        data_dir,
        port=ports.free(),
        flower_port=ports.free(),
        alipay_port=ports.free(),
        environ=_environment() | (_certified(data_dir) if setting.certified else {}),
        pay_window=setting.pay_window,
        time_scale=setting.time_scale,
    ) as running:
        yield running


def certificate_file(data_dir: Path) -> Path:
    """The shop's own certificate, which a drill may change."""
    return data_dir / "own.crt"


def _certified(data_dir: Path) -> dict[str, str]:
    """Certificate mode, with a copy of the certificate that the local Alipay knows."""
    merchant = keys.ensure(data_dir / "alipay")
    certificate_file(data_dir).write_bytes(merchant.app_cert_file.read_bytes())
    files = {
        "APP_CERT": certificate_file(data_dir),
        "CERT": merchant.alipay_cert_file,
        "ROOT_CERT": merchant.alipay_root_cert_file,
    }
    return {f"CHECKOUT_ALIPAY_{name}_FILE": str(file) for name, file in files.items()}


def _environment() -> dict[str, str]:
    """Ours without CHECKOUT_*: a drill must not meet a shop that somebody runs."""
    own = {name: value for name, value in settings.environment().items() if not name.startswith(settings.PREFIX)}
    return own | {"PYTHONUTF8": "1"}
