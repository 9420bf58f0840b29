"""The plot of a run: orders per second beside the baselines, and where their CPU time goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.mixes import MIXES
from bench.report import RESULTS, SERVICES, shares
from bench.suite import Results

_COLOURS = ("#4477aa", "#66ccee", "#228833", "#88bb77", "#ccbb44", "#ee6677", "#bbbbbb", "#dddddd")


def draw(found: Results) -> Path:
    """Writes `bench/results/latest.png`."""
    import matplotlib as mpl  # Loaded late: it takes a second, and nothing else needs it.

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    _plot_throughput(left, found)
    _plot_cpu(right, found)
    file = RESULTS / "latest.png"
    figure.savefig(file, dpi=130)
    return file


def _plot_throughput(axes: Any, found: Results) -> None:
    series = {
        "the article's algorithm, 8 processes": [found.article[mix.name].per_second for mix in MIXES],
        "pgbench, the bare write one by one": [found.bare[mix.name] for mix in MIXES],
        "checkout, HTTP to committed placement": [found.best(mix.name).per_second for mix in MIXES],
    }
    width = 0.27
    for place, (label, values) in enumerate(series.items()):
        at = [x + (place - 1) * width for x in range(len(MIXES))]
        bars = axes.bar(at, values, width * 0.92, label=label, color=("#bbbbbb", "#66ccee", "#4477aa")[place])
        axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=2, fontsize=8)
    axes.set_xticks(range(len(MIXES)), [mix.title for mix in MIXES])
    axes.set_title("Orders per second", loc="left", fontweight="bold")
    axes.legend(frameon=False, loc="upper left")
    axes.set_ylim(0, max(max(values) for values in series.values()) * 1.45)
    axes.yaxis.set_visible(False)
    axes.spines["left"].set_visible(False)


def _plot_cpu(axes: Any, found: Results) -> None:
    parts = [shares(found.best(mix.name).cpu_us) for mix in MIXES]
    bottom = [0.0] * len(MIXES)
    for colour, name in zip(_COLOURS, (*SERVICES, "others"), strict=True):
        heights = [share[name] for share in parts]
        label = {"orders": "worker", "default": "relay"}.get(name, name)
        axes.bar(range(len(MIXES)), heights, 0.5, bottom=bottom, label=label, color=colour)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    axes.set_xticks(range(len(MIXES)), [mix.title for mix in MIXES])
    axes.set_title("CPU per order, µs", loc="left", fontweight="bold")
    axes.legend(frameon=False, bbox_to_anchor=(1.0, 1.0), loc="upper left", reverse=True)
