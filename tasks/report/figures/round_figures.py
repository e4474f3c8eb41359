"""The figures over rounds, as plain plotly.js descriptions.

Axes and text get their colours in the browser, which knows whether the page is light or dark; a colour "ink"
or "surface" stands for the page's own.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from al_core.evaluation.calibration import Samples, reliability
from al_core.export.palette import PROVENANCE_COLOURS, SERIES_COLOURS, UNLABELLED_COLOUR, rgb
from al_core.ledger.store import Step
from al_core.records import ALL, QualityRow, whole_video
from tasks.languages.phrases import numeral, spoken, t
from tasks.report.formatting import percent
from tasks.report.round_rows import RoundRow

Figure = dict[str, Any]
"""``{"data": [...], "layout": {...}}`` as ``Plotly.newPlot`` takes it."""

STEP_ORDER = ("train", "predict", "propagate", "select", "audit", "request", "collect")
MAX_VIDEO_LINES = 40
MAX_CATEGORIES = 30

_LEAST_TICKS = 3
_LEADING_DIGITS = (
    (1,),
    (1, 2, 5),
    (1, 1.5, 2, 3, 4, 5, 7),
    *(np.arange(n, 10 * n) / n for n in (2, 10, 100, 1000)),
)


def frame_coverage(rows: Sequence[RoundRow]) -> Figure:
    """Draw the share of all frames per round and provenance, each frame once; what is left has no mask."""
    shown = [r for r in rows if r.covered is not None and r.n_frames]
    totals = [r.n_frames for r in shown]
    figure = _shares(shown, [r.frames_by for r in shown], totals, t("share of all frames"))
    rest = [r.n_frames - (r.covered or 0) for r in shown]
    figure["data"].append(_share_bar(shown, rest, totals, t("no mask"), UNLABELLED_COLOUR))
    return figure


def mask_coverage(rows: Sequence[RoundRow]) -> Figure:
    """Draw the share of all delivered masks (object-frames) per round and provenance."""
    shown = [r for r in rows if sum(r.masks_by.values())]
    masks = [r.masks_by for r in shown]
    return _shares(shown, masks, [sum(m.values()) for m in masks], t("share of delivered masks"))


def coverage_over_time(rows: Sequence[RoundRow]) -> Figure:
    """Draw the share of all frames per provenance, each frame once, from when each round delivered its masks (UTC)."""
    found = [(r.delivered_at, r) for r in rows if r.delivered_at is not None and r.n_frames]
    if found:
        # The newest round's step would have no width without something after it.
        (first, _), (last, row) = found[0], found[-1]
        found.append((last + max((last - first) / 10, timedelta(seconds=1)), row))
    times = [f"{time:%Y-%m-%d %H:%M:%S}" for time, _ in found]
    data = []
    for name, colour in PROVENANCE_COLOURS.items():
        counts = [r.frames_by.get(name, 0) for _, r in found]
        if any(counts):
            shares = [n / r.n_frames for n, (_, r) in zip(counts, found, strict=True)]
            style = {"line": {"width": 1, "color": colour, "shape": "hv"}, "stackgroup": "frames", "fillcolor": colour}
            hover = f"%{{x}}, {t(name)}: %{{customdata}} (%{{y:.0%}})"
            told = [numeral(n, ",") for n in counts]
            data.append(line(t(name), times, rounded(shares), hover, customdata=told, **style))
    layout = chart_layout("", t("share of all frames"))
    if spoken() != "en":
        layout["xaxis"] |= {"hoverformat": t("%Y-%m-%d %H:%M:%S"), "tickformatstops": _ticks_of_dates(t("%Y-%m-%d"))}
    layout["yaxis"] |= {"range": [0, 1], "tickformat": ".0%"}
    layout["legend"] |= {"traceorder": "normal"}
    return {"data": data, "layout": layout}


def _ticks_of_dates(date: str) -> list[dict[str, Any]]:
    """Return how ticks are written, by the milliseconds between them; the date stands below where it changes."""
    minute, day = 60_000, 86_400_000
    forms = {(None, minute): f"%H:%M:%S\n{date}", (minute, day): f"%H:%M\n{date}", (day, None): date}
    return [{"dtickrange": list(between), "value": form} for between, form in forms.items()]


def category_coverage(masks: Sequence[tuple[str, str, int]]) -> Figure:
    """Draw the masks per category, stacked by provenance, the most frequent category on top.

    Args:
        masks: (category, provenance, masks).
    """
    totals: Counter[str] = Counter()
    for category, _, n in masks:
        totals[category] += n
    order = [name for name, _ in totals.most_common(MAX_CATEGORIES)][::-1]
    count = {(category, provenance): n for category, provenance, n in masks}
    data = []
    for name, colour in PROVENANCE_COLOURS.items():
        counts = [count.get((category, name), 0) for category in order]
        if any(counts):
            data.append(_bar(t(name), counts, order, f"%{{y}}, {t(name)}: %{{x:,}}", colour) | {"orientation": "h"})
    layout = chart_layout(t("masks"), "")
    layout["yaxis"] |= {"type": "category"}
    layout["legend"] |= {"traceorder": "normal"}
    return {"data": data, "layout": layout | {"barmode": "stack", "bargap": 0.35, "height": 120 + 28 * len(order)}}


def quality(
    figures: Sequence[QualityRow],
    rows: Sequence[RoundRow],
    names: Mapping[int, str],
    metric: str,
    against: str,
) -> Figure:
    """Draw a metric over human effort: the mean over videos per provenance, and a faint line per video.

    Args:
        figures: quality of all rounds, as the ledger gives it.
        names: of the videos, by id.
        metric: "jf" or "ap50".
        against: "frames" or "minutes" of human work.
    """
    effort = {r.round_id: r.human_frames if against == "frames" else r.human_seconds / 60 for r in rows}
    known = [q for q in figures if q.round_id in effort]
    whole = {name: whole_video(known, metric, name) for name in (ALL, *PROVENANCE_COLOURS)}
    means = [_mean_line(found, effort, name, against) for name, found in whole.items() if found]
    data = _video_lines(whole[ALL], effort, names) + means
    layout = chart_layout(
        t("human frames" if against == "frames" else "human time (minutes)"),
        {"jf": "J&F", "ap50": "AP50"}[metric],
    )
    lowest = min((q.value for found in whole.values() for q in found), default=0.0)
    layout["yaxis"]["range"] = [max(0.0, float(np.floor(lowest * 10 - 0.2)) / 10), 1.005]
    layout["xaxis"]["rangemode"] = "tozero"
    return {"data": data, "layout": layout}


def training(curves: Mapping[int, Sequence[tuple[int, float, float]]]) -> Figure:
    """Draw the training loss per round, each a running mean; the newer a round, the stronger its colour."""
    red, green, blue = rgb(SERIES_COLOURS[0])
    data = []
    for number, (round_id, curve) in enumerate(sorted(curves.items()), start=1):
        losses = np.array([loss for _, loss, _ in curve])
        y = rounded(running_mean(losses, max(1, len(losses) // 25)))
        style = {"width": 2, "color": f"rgba({red},{green},{blue},{0.25 + 0.75 * number / len(curves):.2f})"}
        name = t("round {round}", round=round_id)
        hover = t("{name}, iteration %{x}: loss %{y:.3g}", name=name)
        data.append(line(name, [iteration for iteration, _, _ in curve], y, hover, line=style))
    return _logarithmic(data, chart_layout(t("iteration"), t("loss (running mean)")))


def loss_parts(losses: Mapping[str, Sequence[tuple[int, float]]]) -> Figure:
    """Draw each part of the loss of one training; those of frames that nobody labelled are dashed."""
    data = []
    for number, (name, points) in enumerate(losses.items()):
        unlabelled = name.startswith("unlabelled_")
        what = name.removeprefix("unlabelled_").removeprefix("loss_").replace("_", " ")
        shown = f"{what}, {t('unlabelled' if unlabelled else 'labelled')}"
        style = {"dash": "dash" if unlabelled else "solid", "color": SERIES_COLOURS[number % len(SERIES_COLOURS)]}
        hover = t("{name}, iteration %{x}: %{y:.3g}", name=shown)
        data.append(line(shown, [i for i, _ in points], rounded([v for _, v in points]), hover, line=style))
    return _logarithmic(data, chart_layout(t("iteration"), t("loss")))


def _logarithmic(data: list[Figure], layout: dict[str, Any]) -> Figure:
    """Return traces over a logarithmic axis that is as long as they are high."""
    shown = [value for trace in data for value in trace["y"] if value > 0]
    if shown:
        low, high = min(shown) / 1.05, max(shown) * 1.05
        ticks = log_ticks(low, high)
        layout["yaxis"] |= {"range": [math.log10(low), math.log10(high)], "tickvals": ticks}
        layout["yaxis"] |= {"ticktext": [numeral(tick, "g") for tick in ticks]}
    layout["yaxis"] |= {"type": "log"}
    return {"data": data, "layout": layout}


def log_ticks(low: float, high: float) -> list[float]:
    """Return the ticks of a logarithmic axis from ``low`` to ``high``, rising: the roundest that are three or more."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for leading in _LEADING_DIGITS:
        values = (float(f"{digit}e{decade}") for decade in decades for digit in leading)
        ticks = [value for value in values if low <= value <= high]
        if len(ticks) >= _LEAST_TICKS:
            return ticks
    return [low, high]


def durations(steps: Sequence[Step]) -> Figure:
    """Draw the seconds of work per round, stacked by step."""
    present = {s.name for s in steps}
    names = [n for n in STEP_ORDER if n in present] + sorted(present - set(STEP_ORDER))
    rounds = sorted({s.round_id for s in steps})
    data = []
    for number, name in enumerate(names):
        taken = Counter({s.round_id: s.seconds for s in steps if s.name == name})
        y = rounded([taken[r] for r in rounds])
        colour = SERIES_COLOURS[number % len(SERIES_COLOURS)]
        data.append(_bar(t(name), _round_names(rounds), y, f"%{{x}}, {t(name)}: %{{y:,.1f}} s", colour))
    return {"data": data, "layout": _bar_layout(t("seconds"), len(rounds))}


def calibration(samples: Mapping[str, Samples]) -> Figure:
    """Draw a reliability diagram: how good masks turned out to be, over the confidence they were delivered with."""
    diagonal = {"color": UNLABELLED_COLOUR, "width": 1, "dash": "dot"}
    data = [silent_line([0, 1], [0, 1], line=diagonal)]
    for name, found in samples.items():
        bins = reliability(found)
        x, y = rounded([b.confidence for b in bins]), rounded([b.overlap for b in bins])
        data.append(
            line(
                t(f"{name} masks"),
                x,
                y,
                t("{name}: %{x:.2f} delivered, IoU %{y:.2f} (%{customdata} masks)", name=t(name)),
                mode="lines+markers",
                customdata=[b.n for b in bins],
                line={"color": PROVENANCE_COLOURS.get(name, "ink"), "width": 2},
                marker={"size": [5 + 2 * math.log2(1 + b.n) for b in bins]},
            )
        )
    layout = chart_layout(t("confidence as delivered"), t("IoU with what a person drew then"))
    layout["xaxis"]["range"] = layout["yaxis"]["range"] = [0, 1.02]
    return {"data": data, "layout": layout}


def line(name: str, x: Sequence[Any], y: Sequence[float], hover: str, **more: Any) -> Figure:
    """Return the trace of a line, as plotly takes it.

    Args:
        hover: what is said of a point, as a template of d3.
        more: further attributes of the trace, or other ones than those of a plain line.
    """
    trace = {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y}
    return trace | {"hovertemplate": f"{hover}<extra></extra>"} | more


def silent_line(x: Sequence[float], y: Sequence[float], **more: Any) -> Figure:
    """Return the trace of a line that is neither in the legend nor says anything of its points."""
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "showlegend": False, "hoverinfo": "skip"} | more


def running_mean(values: NDArray[np.floating], width: int) -> NDArray[np.float64]:
    """Return the mean over the last ``width`` values, fewer at the start; shape as given."""
    total = np.cumsum(np.concatenate([[0.0], values]))
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - width, 0)
    return np.asarray((total[end] - total[start]) / (end - start))


def chart_layout(x: str, y: str) -> dict[str, Any]:
    """Return a figure's layout with titles for both axes and the legend on top."""
    signs = {} if spoken() == "en" else {"separators": numeral(0.5, ".1f")[1] + numeral(1000, ",")[1]}
    return signs | {
        "height": 280,
        "margin": {"l": 60, "r": 12, "t": 8, "b": 44 if x else 26},
        "xaxis": {"title": {"text": x}, "zeroline": False},
        "yaxis": {"title": {"text": y}, "zeroline": False},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hoverlabel": {"align": "left"},
    }


def rounded(values: ArrayLike, digits: int = 5) -> list[float]:
    """Return floats with this many significant digits, which keeps the page small."""
    return [float(f"{value:.{digits}g}") for value in np.asarray(values, float).ravel()]


def _bar_layout(title: str, n_rounds: int) -> dict[str, Any]:
    """Return the layout of stacked bars, one per round; few of them do not grow broad."""
    layout = chart_layout("", title)
    layout["xaxis"] |= {"type": "category", "range": [-0.5, max(n_rounds, 4) - 0.5]}
    layout["legend"] |= {"traceorder": "normal"}
    return layout | {"barmode": "stack", "bargap": 0.35}


def _shares(rows: Sequence[RoundRow], counts: Sequence[Mapping[str, int]], totals: Sequence[int], title: str) -> Figure:
    """Draw the shares of each provenance in a total, a bar per round."""
    data = [
        _share_bar(rows, [each.get(name, 0) for each in counts], totals, t(name), colour)
        for name, colour in PROVENANCE_COLOURS.items()
        if any(each.get(name) for each in counts)
    ]
    layout = _bar_layout(title, len(rows))
    layout["yaxis"] |= {"range": [0, 1], "tickformat": ".0%"}
    return {"data": data, "layout": layout}


def _share_bar(
    rows: Sequence[RoundRow], counts: Sequence[int], totals: Sequence[int], name: str, colour: str
) -> Figure:
    shares = [count / total for count, total in zip(counts, totals, strict=True)]
    hover = f"%{{x}}, {name}: %{{customdata[0]}} (%{{customdata[1]}})"
    told = [[numeral(count, ","), percent(share)] for count, share in zip(counts, shares, strict=True)]
    return _bar(name, _round_names(r.round_id for r in rows), rounded(shares), hover, colour) | {"customdata": told}


def _bar(name: str, x: Sequence[Any], y: Sequence[Any], hover: str, colour: str) -> Figure:
    trace = {"type": "bar", "name": name, "x": x, "y": y, "marker": {"color": colour}}
    return trace | {"hovertemplate": f"{hover}<extra></extra>"}


def _video_lines(figures: Sequence[QualityRow], effort: Mapping[int, float], names: Mapping[int, str]) -> list[Figure]:
    videos = list(dict.fromkeys(q.video_id for q in figures))[:MAX_VIDEO_LINES]
    lines: list[Figure] = []
    for number, video_id in enumerate(videos if len(videos) > 1 else []):
        mine = [q for q in figures if q.video_id == video_id]
        lines.append(
            line(
                t("each video"),
                rounded([effort[q.round_id] for q in mine]),
                rounded([q.value for q in mine]),
                "%{text}: %{y:.3f}",
                mode="lines+markers",
                legendgroup="videos",
                showlegend=number == 0,
                line={"color": UNLABELLED_COLOUR, "width": 1},
                marker={"size": 3},
                opacity=0.75,
                text=escape(names.get(video_id, str(video_id)), quote=False),
            )
        )
    return lines


def _mean_line(figures: Sequence[QualityRow], effort: Mapping[int, float], provenance: str, against: str) -> Figure:
    per_round: dict[int, list[float]] = {}
    for q in figures:
        per_round.setdefault(q.round_id, []).append(q.value)
    whole = provenance == ALL
    name = t("all masks" if whole else f"{provenance} masks")
    colour = "ink" if whole else PROVENANCE_COLOURS[provenance]
    return line(
        name,
        rounded([effort[r] for r in sorted(per_round)]),
        rounded([sum(per_round[r]) / len(per_round[r]) for r in sorted(per_round)]),
        t(
            "round %{customdata[0]}, {name}: %{y:.3f} (mean of %{customdata[1]} videos) after %{x:,.4~g} human frames"
            if against == "frames"
            else "round %{customdata[0]}, {name}: %{y:.3f} (mean of %{customdata[1]} videos) after %{x:,.4~g} human "
            "minutes",
            name=name,
        ),
        mode="lines+markers",
        customdata=[[r, len(per_round[r])] for r in sorted(per_round)],
        line={"color": colour, "width": 3 if whole else 2, "dash": "solid" if whole else "dot"},
        marker={"color": colour, "size": 7 if whole else 5},
    )


def _round_names(rounds: Iterable[int]) -> list[str]:
    return [t("round {round}", round=round_id) for round_id in rounds]
