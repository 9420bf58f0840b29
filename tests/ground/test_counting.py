"""Business goes on when its numbers cannot be kept."""

from __future__ import annotations

import pytest
from prometheus_client import values

from checkout.metrics.counting import SharedCounts, Spread, Tally


def test_what_cannot_be_counted_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    counts = SharedCounts()
    counts.follow_forks()
    counts.close()  # As whoever empties /tmp does it.
    tally, spread = Tally("lost", "Lost."), Spread("lost_seconds", "Lost.", bounds=(1,))
    with pytest.raises(FileNotFoundError):
        tally.of()
    tally.add()
    spread.add_all([0.5, 2])
