"""kill -9: no trade, no notify and no rule is lost, and no process stays behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateway.merchant import Listener, Merchant, new_order
from tests.gateway.process import LocalAlipay
from tests.shared.processes import eventually


@pytest.fixture
def mortal(start: Callable[[float], LocalAlipay]) -> LocalAlipay:
    return start(1000)


def test_a_kill_loses_nothing(mortal: LocalAlipay, listener: Listener) -> None:
    merchant = Merchant(mortal.keys, mortal.gateway_url)
    waiting, paid = new_order(), new_order()
    listener.reply = lambda _count: (500, b"down")
    mortal.switch(first_retry=1500)
    mortal.fault("call_limited", times=3)
    mortal.skew(2)
    mortal.admin("POST", "login", {"pay_url": merchant.page(waiting)})
    mortal.pay(pay_url=merchant.page(paid, notify_url=listener.url))
    listener.wait(1)
    mortal.kill()
    listener.reply = lambda _count: (200, b"success")
    mortal.start_again()
    mortal.wait_for_notify(paid, "acknowledged")
    assert len({notify["notify_id"] for notify in listener.received}) == 1
    assert [rule["fault"] for rule in mortal.admin("GET", "faults")["faults"]] == ["call_limited"]
    assert mortal.admin("GET", "clock")["skew_seconds"] == 2
    mortal.admin("DELETE", "faults")
    assert merchant.api_alipay_trade_query(out_trade_no=waiting)["trade_status"] == "WAIT_BUYER_PAY"
    assert merchant.api_alipay_trade_query(out_trade_no=paid)["trade_status"] == "TRADE_SUCCESS"


def test_a_kill_leaves_no_child_behind(mortal: LocalAlipay) -> None:
    children = children_of(mortal.process.pid)
    assert children
    mortal.kill()
    eventually(lambda: not any(is_running(child) for child in children), "its children end")


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()


def is_running(pid: str) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False


def test_a_term_ends_it_though_a_call_is_held(mortal: LocalAlipay) -> None:
    mortal.fault("timeout_not_executed", seconds=60)
    impatient = Merchant(mortal.keys, mortal.gateway_url, timeout=0.3)
    with pytest.raises(TimeoutError):
        impatient.api_alipay_trade_query(out_trade_no="nobody")
    mortal.stop()
    assert mortal.process.returncode == 0
    mortal.start_again()


def test_a_killed_worker_ends_the_whole(mortal: LocalAlipay) -> None:
    (worker,) = children_of(mortal.process.pid)
    os.kill(int(worker), signal.SIGKILL)
    assert mortal.process.wait(60) == 1


def test_a_data_directory_and_a_port_have_one_gateway(mortal: LocalAlipay, tmp_path: Path) -> None:
    assert "is in use" in refused(mortal.data_dir, 1)
    assert "cannot listen" in refused(tmp_path, mortal.port)


def refused(data_dir: Path, port: int) -> str:
    command = [sys.executable, "-m", "sandbox.alipay", "--data-dir", str(data_dir), "--port", str(port)]
    second = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=90, check=False)
    assert second.returncode == 1
    return second.stderr
