"""A real gateway process on a free port, and its admin API."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import urllib3

from sandbox.alipay import keys
from sandbox.alipay.door import token_of
from tests.shared import ports

LONGEST_SECONDS = 60
HTTP = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(LONGEST_SECONDS))


class LocalAlipay:
    """Started, killed and started again on the same data directory and port."""

    def __init__(self, data_dir: Path, time_scale: float) -> None:
        self.data_dir, self.time_scale = data_dir, time_scale
        self.port = ports.free()
        self.keys = keys.ensure(data_dir)
        self.process = self._launch()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def gateway_url(self) -> str:
        return f"{self.url}/gateway.do"

    def _launch(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "sandbox.alipay", "--data-dir", str(self.data_dir)]
        command += ["--port", str(self.port), "--time-scale", str(self.time_scale)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == f"alipay {self.url}\n", line
        return process

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(LONGEST_SECONDS)

    def start_again(self) -> None:
        self.process = self._launch()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(LONGEST_SECONDS)

    def admin(self, method: str, path: str, body: dict[str, Any] | None = None, status: int = 200) -> dict[str, Any]:
        response = self.ask(method, path, body)
        assert response.status == status, response.data
        answer: dict[str, Any] = response.json()
        return answer

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> urllib3.BaseHTTPResponse:
        """The admin's answer, whatever it is."""
        headers = {"Authorization": f"Bearer {token_of(self.data_dir)}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        text = json.dumps(body) if body is not None else None
        return HTTP.request(method, f"{self.url}/admin/{path}", body=text, headers=headers)

    def pay(self, **names: Any) -> dict[str, Any]:
        return self.admin("POST", "pay", names)

    def fault(self, fault: str, **rule: Any) -> dict[str, Any]:
        return self.admin("POST", "faults", {"fault": fault, **rule})

    def switch(self, **changes: Any) -> None:
        self.admin("PUT", "switches", changes)

    def skew(self, seconds: float) -> None:
        self.admin("POST", "clock", {"skew_seconds": seconds})

    def trade(self, out_trade_no: str) -> dict[str, Any]:
        return self.admin("GET", f"trades/{out_trade_no}")

    def notifies(self, out_trade_no: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.admin("GET", f"notifies?out_trade_no={out_trade_no}")["notifies"]
        return found

    def wait_for_notify(self, out_trade_no: str, state: str) -> dict[str, Any]:
        deadline = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < deadline:
            found = [notify for notify in self.notifies(out_trade_no) if notify["state"] == state]
            if found:
                return found[0]
            time.sleep(0.02)
        raise AssertionError(self.notifies(out_trade_no))
