"""The figures of a comparison of strategies: curves of quality against human effort, and one of each video."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from al_core.benchmark.arms import AIMS, ArmComparison, Effort, Quality
from al_core.evaluation.bootstrap import Array
from al_core.evaluation.learning_curve import Curves, band
from al_core.export.palette import SERIES_COLOURS, UNLABELLED_COLOUR, rgb
from tasks.report.figures.round_figures import Figure, chart_layout, line, rounded, silent_line

MAX_BANDS = 5
"""Bands of more strategies than this hide each other."""

QUALITY_NAMES: dict[Quality, str] = {
    "jf": "J&F",
    "jf_all": "J&F, all frames",
    "good_share": "share of good frames",
    "j": "J",
    "f": "F",
}
EFFORT_NAMES: dict[Effort, str] = {"human_frames": "human frames", "human_seconds": "human time (minutes)"}
_PER_MINUTE: dict[Effort, float] = {"human_frames": 1.0, "human_seconds": 60.0}

_DASHES = ("solid", "dash", "dashdot")


class Styles:
    """The line of each strategy, the same in all figures: baselines in the page's ink, the others in colours."""

    def __init__(self, comparison: ArmComparison) -> None:
        arms = comparison.arms()
        others = [arm for arm in arms if arm not in comparison.baselines]
        self._lines = {
            arm: {"color": SERIES_COLOURS[i % len(SERIES_COLOURS)], "dash": _DASHES[i // len(SERIES_COLOURS) % 3]}
            for i, arm in enumerate(others)
        }
        for arm, dash in zip(comparison.baselines, ("dash", "dot"), strict=False):
            self._lines[arm] = {"color": "ink", "dash": dash}
        named = {name for aim in AIMS for name in (aim.arm, aim.baseline)}
        self.banded = {arm for arm in arms if len(arms) <= MAX_BANDS or arm in named}

    def line(self, arm: str, width: float = 2) -> dict[str, Any]:
        """Return the line of a strategy, as plotly takes it."""
        return {**self._lines[arm], "width": width}

    def fill(self, arm: str) -> str:
        """Return the colour of its band."""
        colour = self._lines[arm]["color"]
        red, green, blue = rgb(UNLABELLED_COLOUR if colour == "ink" else colour)
        return f"rgba({red},{green},{blue},0.14)"


def curves(comparison: ArmComparison, set_name: str, styles: Styles) -> Figure | None:
    """Draw quality and share of good frames (rows) against human frames and human time (columns); None without figures.

    The figures are one, so that a click on a name in the legend hides a strategy in all of them.
    """
    qualities: tuple[Quality, ...] = (comparison.quality, "good_share")
    arms = comparison.arms(set_name)
    shown = [q for q in qualities if any(comparison.curves(set_name, arm, "human_frames", q) for arm in arms)]
    if not shown:
        return None
    data: list[Figure] = []
    layout = chart_layout("", "") | {"height": 60 + 300 * len(shown), "grid": _grid(len(shown))}
    layout["legend"] |= {"y": 1.03, "traceorder": "normal"}
    for row, quality in enumerate(shown):
        for column, effort in enumerate(EFFORT_NAMES):
            number = 2 * row + column + 1
            axes = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
            found = {arm: comparison.curves(set_name, arm, effort, quality) for arm in arms}
            known = {arm: curve for arm, curve in found.items() if curve is not None}
            data += [axes | t for t in _traces(comparison, known, effort, quality, styles, legend=number == 1)]
            if quality == comparison.quality and known:
                data.append(axes | _target(comparison.target, known, effort))
            layout |= _axes(number, effort, quality, known)
    return {"data": data, "layout": layout}


def video_curves(found: dict[str, Curves], video: str, effort: Effort, target: float, styles: Styles) -> Figure:
    """Draw the quality of one video with every strategy that has labelled it, small."""
    mine = {arm: curve.only([video]) for arm, curve in found.items() if video in curve.videos}
    data = [_line(arm, *curve.pooled(), effort, styles.line(arm, 1.5), legend=False) for arm, curve in mine.items()]
    data.append(_target(target, mine, effort))
    layout = chart_layout("", "") | {"height": 180, "margin": {"l": 34, "r": 6, "t": 6, "b": 24}, "showlegend": False}
    layout["xaxis"]["rangemode"] = "tozero"
    layout["yaxis"] |= {"range": _range(mine), "nticks": 5}
    return {"data": data, "layout": layout}


def widest_apart(found: dict[str, Curves], most: int) -> list[str]:
    """Choose the ``most`` videos on which strategies end furthest apart, in the order of the records."""
    videos = list(dict.fromkeys(video for curve in found.values() for video in curve.videos))
    last: dict[str, list[float]] = {video: [] for video in videos}
    for curve in found.values():
        for video, value in zip(curve.videos, curve.value[:, -1], strict=True):
            last[video].append(float(value))
    kept = sorted(videos, key=lambda video: min(last[video]) - max(last[video]))[:most]
    return [video for video in videos if video in kept]


def _grid(rows: int) -> dict[str, Any]:
    return {"rows": rows, "columns": 2, "pattern": "independent", "xgap": 0.12, "ygap": 0.24}


def _axes(number: int, effort: Effort, quality: Quality, known: dict[str, Curves]) -> dict[str, Any]:
    own = "" if number == 1 else str(number)
    x = {"title": {"text": EFFORT_NAMES[effort]}, "zeroline": False, "rangemode": "tozero"}
    y = {"title": {"text": QUALITY_NAMES[quality]}, "zeroline": False, "range": _range(known)}
    if quality == "good_share":
        y["tickformat"] = ".0%"
    return {f"xaxis{own}": x, f"yaxis{own}": y}


def _traces(
    comparison: ArmComparison,
    known: dict[str, Curves],
    effort: Effort,
    quality: Quality,
    styles: Styles,
    legend: bool,
) -> list[Figure]:
    """Draw bands below, lines above."""
    bands, lines = [], []
    for arm, curve in known.items():
        cost, value = curve.pooled()
        low, high = band(curve, comparison.rng(), comparison.draws)
        lines.append(_line(arm, cost, value, effort, styles.line(arm), legend, low, high))
        if arm in styles.banded and not np.isnan(low).any():
            bands.append(_band(arm, cost / _PER_MINUTE[effort], low, high, styles.fill(arm)))
    return bands + lines


def _line(
    arm: str,
    cost: Array,
    value: Array,
    effort: Effort,
    style: dict[str, Any],
    legend: bool,
    low: Array | None = None,
    high: Array | None = None,
) -> Figure:
    spans = [""] * len(cost)
    if low is not None and high is not None and not np.isnan(low).any():
        spans = [f" ({a:.3f} to {b:.3f})" for a, b in zip(low, high, strict=True)]
    name = escape(arm, quote=False)
    unit = "frames" if effort == "human_frames" else "minutes"
    return line(
        name,
        rounded(cost / _PER_MINUTE[effort]),
        rounded(value),
        f"{name}: %{{y:.3f}}%{{customdata}} after %{{x:,.4~g}} {unit}",
        mode="lines+markers",
        legendgroup=name,
        showlegend=legend,
        customdata=spans,
        line=style,
        marker={"color": style["color"], "size": 5 if style["width"] >= 2 else 3},
    )


def _band(arm: str, x: Array, low: Array, high: Array, colour: str) -> Figure:
    name = escape(arm, quote=False)
    around, edge = np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]])
    look = {"fill": "toself", "fillcolor": colour, "line": {"width": 0}}
    return silent_line(rounded(around), rounded(edge), name=name, legendgroup=name, **look)


def _target(target: float, known: dict[str, Curves], effort: Effort) -> Figure:
    """Draw a thin line at the quality that is to be reached."""
    end = max(float(curve.pooled()[0][-1]) for curve in known.values()) / _PER_MINUTE[effort]
    return silent_line(
        rounded([0, end]), [target, target], line={"color": UNLABELLED_COLOUR, "width": 1, "dash": "dot"}
    )


def _range(known: dict[str, Curves]) -> Sequence[float]:
    """Return the range of the axis of quality: down to a tenth below the lowest point."""
    lowest = min((float(curve.pooled()[1].min()) for curve in known.values()), default=0.0)
    return [max(0.0, float(np.floor(lowest * 10 - 0.2)) / 10), 1.005]
