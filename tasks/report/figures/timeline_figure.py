"""The figure of one video: its uncertainty, the chosen frames on it, and below it who labelled what."""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from al_core.export.palette import COMPONENT_COLOURS, PROVENANCE_COLOURS, UNLABELLED_COLOUR, rgb
from al_core.records import ONE_SHOT, Shots, Video
from tasks.languages.phrases import all_of, heard, numeral, t
from tasks.report.figures.round_figures import Figure, chart_layout, line, rounded
from tasks.report.formatting import clock
from tasks.report.timeline import MAX_POINTS, Choice, DeliveredFrames, Uncertainty


def time_line(
    video: Video,
    times_us: NDArray[np.int64],
    uncertain: Uncertainty | None,
    delivered: DeliveredFrames | None,
    chosen: Sequence[Choice],
    human_frames: Sequence[int],
    shots: Shots = ONE_SHOT,
) -> Figure:
    """Draw the uncertainty over the frames of a video, the chosen frames on it, and who labelled what.

    Args:
        times_us: presentation time of each frame in microseconds, shape [n_frames].
        uncertain, delivered: None where nothing was predicted or delivered yet.
        shots: cuts stand on the band of labels, and frames that show the same below it.
    """
    data: list[Figure] = []
    if uncertain is not None:
        data += [_part(name, uncertain, times_us) for name in uncertain.parts]
        data.append(_score(uncertain, times_us))
    data += _markers(chosen, uncertain, times_us, set(human_frames))
    data += _ribbon(delivered, sorted(human_frames), times_us)
    data += _shot_marks(shots, times_us)
    return {"data": data, "layout": _layout(video, uncertain)}


def _layout(video: Video, uncertain: Uncertainty | None) -> Figure:
    layout = chart_layout(t("frame, 0 to {last}", last=numeral(video.n_frames - 1, ",")), "")
    layout["xaxis"] |= {"range": [-0.5, video.n_frames - 0.5], "anchor": "y2", "showgrid": False}
    layout["yaxis"] |= {"domain": [0.2, 1], "range": [0, 1], "showgrid": False, "showticklabels": False}
    layout["yaxis2"] = {
        "domain": [0, 0.12],
        "range": [0, 1],
        "tickvals": [0.5],
        "ticktext": [t("labels")],
        "fixedrange": True,
        "showgrid": False,
        "zeroline": False,
    }
    layout["legend"] |= {"traceorder": "normal"}
    layout |= {"height": 170, "hovermode": "closest", "meta": "frames"}
    if uncertain is not None:
        highest = float(uncertain.score.max())
        layout["yaxis"] |= {"title": {"text": t("uncertainty")}, "range": [0, 1.2 * highest or 1], "nticks": 4}
        layout["yaxis"] |= {"showgrid": True, "showticklabels": True}
        layout["height"] = 300
    return layout


def _part(name: str, uncertain: Uncertainty, times_us: NDArray[np.int64]) -> Figure:
    shown = t(name.replace("_", " "))
    trace = line(
        shown,
        uncertain.frame_idx.tolist(),
        rounded(uncertain.parts[name], 4),
        f"{shown}: %{{y:.3f}}, %{{customdata}}",
        customdata=_places(uncertain.frame_idx, times_us),
        line={"width": 1.5, "color": COMPONENT_COLOURS[name]},
    )
    if not uncertain.adds_up:
        return trace | {"visible": "legendonly"}
    return trace | {
        "stackgroup": "parts",
        "fillcolor": COMPONENT_COLOURS[name],
        "line": {"width": 0, "color": COMPONENT_COLOURS[name]},
    }


def _score(uncertain: Uncertainty, times_us: NDArray[np.int64]) -> Figure:
    return line(
        t("uncertainty"),
        uncertain.frame_idx.tolist(),
        rounded(uncertain.score, 4),
        f"{t('uncertainty')}: %{{y:.3f}}, %{{customdata}}",
        customdata=_places(uncertain.frame_idx, times_us),
        line={"color": "ink", "width": 1.25},
    )


def _markers(
    chosen: Sequence[Choice], uncertain: Uncertainty | None, times_us: NDArray[np.int64], human: set[int]
) -> list[Figure]:
    """Draw a diamond on each chosen frame, those of earlier rounds smaller and below."""
    newest = [c for c in chosen if c.newest]
    before = [c for c in chosen if not c.newest]
    traces = []
    if before:
        traces.append(_diamonds(t("chosen before"), before, uncertain, times_us, human) | {"mode": "markers"})
    if newest:
        traces.append(
            _diamonds(t("chosen in round {round}", round=newest[0].round_id), newest, uncertain, times_us, human)
        )
        traces[-1]["marker"]["size"] = 12
    return traces


def _diamonds(
    name: str, chosen: Sequence[Choice], uncertain: Uncertainty | None, times_us: NDArray[np.int64], human: set[int]
) -> Figure:
    frames = np.array([c.frame_idx for c in chosen])
    # A marker sits on the line of the uncertainty.
    heights = np.full(len(frames), 0.5)
    if uncertain is not None:
        heights = np.interp(frames, uncertain.frame_idx, uncertain.score)
    labelled = [i in human for i in frames.tolist()]
    told = [
        [
            place,
            c.round_id,
            c.place,
            t("labelled" if known else "not labelled yet"),
            escape(heard(c.reason), quote=False),
        ]
        for c, place, known in zip(chosen, _places(frames, times_us), labelled, strict=True)
    ]
    return line(
        name,
        frames.tolist(),
        rounded(heights),
        t("%{customdata[0]}<br>round %{customdata[1]}, choice %{customdata[2]}, %{customdata[3]}<br>%{customdata[4]}"),
        mode="markers+text",
        text=[str(c.place) for c in chosen],
        textposition="top center",
        cliponaxis=False,
        customdata=told,
        marker={
            "size": 8,
            "symbol": "diamond",
            "line": {"width": 1.5, "color": "surface"},
            "color": [PROVENANCE_COLOURS["human"] if known else UNLABELLED_COLOUR for known in labelled],
        },
    )


def _ribbon(delivered: DeliveredFrames | None, human: Sequence[int], times_us: NDArray[np.int64]) -> list[Figure]:
    traces = [] if delivered is None else [_provenance_band(delivered, times_us)]
    if human:
        colour = PROVENANCE_COLOURS["human"]
        mark = {"symbol": "line-ns", "size": 18, "color": colour, "line": {"width": 4, "color": colour}}
        places = _places(np.array(human), times_us)
        ticks = line(
            t("human label"), list(human), [0.5] * len(human), f"%{{customdata}}: {t('human label')}", customdata=places
        )
        traces.append(ticks | {"mode": "markers", "yaxis": "y2", "marker": mark})
    return traces


def _shot_marks(shots: Shots, times_us: NDArray[np.int64]) -> list[Figure]:
    """Mark cuts between the frames where they are, and underline frames that show the same."""
    traces = []
    if shots.cuts:
        mark = {"symbol": "line-ns", "size": 30, "color": "ink", "line": {"width": 1.5, "color": "ink"}}
        places = _places(np.array(shots.cuts), times_us)
        between = [cut - 0.5 for cut in shots.cuts]
        hover = t("a shot begins with %{customdata}")
        trace = line(t("cut"), between, [0.5] * len(between), hover, customdata=places)
        traces.append(trace | {"mode": "markers", "yaxis": "y2", "marker": mark})
    if shots.repeats:
        # None ends a line, so that one trace holds all of them.
        ends = [x for r in shots.repeats for x in (r.start - 0.4, r[-1] + 0.4, None)]
        same = "frames {first} to {last} show the same"
        told = [text for r in shots.repeats for text in (t(same, first=r.start, last=r[-1]),) * 3]
        trace = line(t("the same thing"), ends, [0.04] * len(ends), "%{customdata}", customdata=told)
        traces.append(trace | {"yaxis": "y2", "line": {"width": 4, "color": UNLABELLED_COLOUR}})
    return traces


def _provenance_band(delivered: DeliveredFrames, times_us: NDArray[np.int64]) -> Figure:
    """Draw a band of one colour per frame; in a long video each stretch has that of its least trusted frame."""
    codes = delivered.provenance
    starts = np.unique(np.linspace(0, len(codes), min(len(codes), MAX_POINTS), endpoint=False).astype(int))
    reduced = np.maximum.reduceat(codes, starts)
    centres = (starts + np.append(starts[1:], len(codes)) - 1) / 2
    red, green, blue = rgb(UNLABELLED_COLOUR)
    colours = [f"rgba({red},{green},{blue},0.25)", *PROVENANCE_COLOURS.values()]
    names = np.array(all_of(["no mask", *PROVENANCE_COLOURS]))
    steps = len(colours)
    return {
        "type": "heatmap",
        "yaxis": "y2",
        "x": centres.tolist(),
        "y": [0.5],
        "z": [reduced.tolist()],
        "zmin": -0.5,
        "zmax": steps - 0.5,
        "colorscale": [[(i + edge) / steps, colour] for i, colour in enumerate(colours) for edge in (0, 1)],
        "showscale": False,
        "text": [names[reduced].tolist()],
        "customdata": [_places(starts, times_us)],
        "hovertemplate": "%{customdata}: %{text}<extra></extra>",
    }


def _places(frame_idx: NDArray[np.int_], times_us: NDArray[np.int64]) -> list[str]:
    place = t("frame {frame} ({time})")
    return [place.format(frame=i, time=clock(int(times_us[i] - times_us[0]))) for i in frame_idx.tolist()]
