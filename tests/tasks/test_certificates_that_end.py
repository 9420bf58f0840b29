"""Who reads the log hears of a certificate that ends, or has ended, before buyers cannot pay any more."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from celery.schedules import crontab
from redis import Redis
from structlog.testing import capture_logs

from checkout.alipay import certificates, keys
from checkout.settings import parse
from sandbox.alipay.keys import Keys
from tasks.app import app
from tasks.maintenance import warn_of_certificates
from tests.shared.certificates import certificate_mode
from tests.shared.ports import free
from tests.shared.processes import eventually, process


def told(log: str) -> list[dict[str, object]]:
    """What a log says of certificates."""
    lines = [line for line in log.splitlines() if "alipay_certificate_end" in line]
    return [json.loads(line[line.index("{") :]) for line in lines]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (31, None),
        (29, ("warning", "alipay_certificate_ends", 29)),
        (-2, ("error", "alipay_certificate_ended", 2)),
    ],
)
def test_what_is_said(
    environment: dict[str, str],
    alipay_sides: Keys,
    tmp_path: Path,
    days: int,
    expected: tuple[str, str, int] | None,
) -> None:
    with capture_logs() as said:
        certificates.warn(keys.load(parse(environment | certificate_mode(alipay_sides, tmp_path, days))))
    assert [(one["log_level"], one["event"], one.get("days_left", one.get("days_ago"))) for one in said] == (
        [expected] if expected else []
    )
    assert all("docs/runbook.md#a-certificate-ends" in str(one["cure"]) for one in said)


@pytest.mark.parametrize(
    "command",
    [
        ("celery", "-A", "tasks.app", "worker", "-P", "threads", "-c", "1", "-Q", "default"),
        ("api", "--workers=1"),
    ],
    ids=("a worker", "the API"),
)
def test_who_starts_with_an_ended_certificate_says_so(
    environment: dict[str, str], alipay_sides: Keys, tmp_path: Path, command: tuple[str, ...]
) -> None:
    own = environment | certificate_mode(alipay_sides, tmp_path, -2)
    port = (f"--port={free()}",) if command[0] == "api" else ()
    log = tmp_path / "log"
    with process(*command, *port, environment=own, log=log):
        eventually(lambda: bool(told(log.read_text(encoding="utf-8"))), "it says so")
    [said] = told(log.read_text(encoding="utf-8"))
    assert (said["event"], said["certificate"], said["days_ago"]) == ("alipay_certificate_ended", "app", 2)


def test_once_a_day_it_is_said_again_however_many_beats_there_are(
    in_process: Callable[..., None],
    redis: Redis,
    alipay_sides: Keys,
    tmp_path: Path,
) -> None:
    in_process(**certificate_mode(alipay_sides, tmp_path, 12))
    with capture_logs() as said:
        for _ in range(2):
            warn_of_certificates.run()
    assert [one["days_left"] for one in said] == [12]
    redis.flushdb()  # As the next day finds it.
    with capture_logs() as said:
        warn_of_certificates.run()
    assert len(said) == 1


def test_beat_has_it_once_a_day(in_process: Callable[..., None]) -> None:
    in_process()
    [entry] = [one for one in app.conf.beat_schedule.values() if one["task"] == "warn_of_certificates"]
    assert entry["schedule"] == crontab(hour="1", minute="0")
