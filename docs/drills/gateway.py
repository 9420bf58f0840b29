"""What only a drill does with the local Alipay: its clock, and an end of all faults."""

from __future__ import annotations

from typing import Any

import urllib3

from docs.drills.scene import NotWell, Scene
from sandbox.alipay.door import token_of

_HTTP = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(20))


def set_clock(scene: Scene, skew_seconds: float) -> None:
    """So many seconds ahead of this machine's."""
    _admin(scene, "POST", "clock", {"skew_seconds": skew_seconds})


def clear(scene: Scene) -> None:
    _admin(scene, "DELETE", "faults", None)


def _admin(scene: Scene, method: str, path: str, body: dict[str, Any] | None) -> None:
    headers = {"Authorization": f"Bearer {token_of(scene.data_dir / 'alipay')}"}
    answer = _HTTP.request(method, f"{scene.running.alipay_url}/admin/{path}", json=body, headers=headers)
    if answer.status != 200:
        raise NotWell(f"the local Alipay answered {answer.status} to {path}: {answer.data.decode()[:200]}")
