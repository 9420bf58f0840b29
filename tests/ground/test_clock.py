"""UTC inside, Beijing time on Alipay's wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout import clock

INSTANT = datetime(2026, 11, 22, 16, 30, 5, 123456, tzinfo=UTC)


def test_times_of_the_api_are_utc_with_milliseconds() -> None:
    assert clock.rfc3339(INSTANT) == "2026-11-22T16:30:05.123Z"
    assert clock.rfc3339(INSTANT.astimezone(timezone(timedelta(hours=-5)))) == "2026-11-22T16:30:05.123Z"


def test_alipay_lives_in_beijing() -> None:
    assert clock.beijing(INSTANT) == "2026-11-23 00:30:05"
    assert clock.from_beijing("2026-11-23 00:30:05") == INSTANT.replace(microsecond=0)
    assert clock.from_beijing("2026-11-23 00:30:05.123") == INSTANT.replace(microsecond=0)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds of a strategy with its own zone
def test_what_is_sent_is_read_again(instant: datetime) -> None:
    assert clock.from_beijing(clock.beijing(instant)) == instant.replace(microsecond=0)


@pytest.mark.parametrize("text", ["", "2026-11-23", "yesterday", "2026-13-01 00:00:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"form|month"):
        clock.from_beijing(text)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43200), ("7d", 604800)])
def test_durations(text: str, seconds: int) -> None:
    assert clock.duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "0m", "30", "m", "-1m", "1.5h", "1w", "30 m", "1m\n", "9999999s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        clock.duration_seconds(text)
