"""Numbers as people read them, with their units."""

import math
from collections.abc import Callable, Iterable
from datetime import datetime

from al_core.evaluation.bootstrap import Estimate
from al_core.evaluation.learning_curve import CostRatio
from al_core.records import Shots
from tasks.languages.phrases import counted, numeral, signs, t


def duration(seconds: float | None) -> str:
    """Write a time span: ``3.2 s``, ``84 s``, ``12.4 min``, ``3.2 h``; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{numeral(seconds, '.1f')} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{numeral(seconds / 60, '.1f')} min"
    return f"{numeral(seconds / 3600, ',.1f')} h"


def percent(share: float | None) -> str:
    """Write a share in [0, 1] as ``4.2 %``; a dash for None."""
    if share is None:
        return "–"
    value = 100 * share
    # What is not all of it does not look as if it were.
    return f"{value:.0f} %" if value in (0, 100) or 10 <= value < 99.5 else f"{numeral(min(value, 99.9), '.1f')} %"


def score(value: float | None) -> str:
    """Write a quality figure with three decimals; a dash for None."""
    return "–" if value is None else numeral(value, ".3f")


def score_with_span(found: Estimate) -> str:
    """Write a quality figure with its interval: ``0.812 (0.790 to 0.830)``."""
    return t("{value} ({low} to {high})", value=score(found.value), low=score(found.low), high=score(found.high))


def moment(when: datetime) -> str:
    """Write a date with its time, by the second."""
    return f"{when:{t('%Y-%m-%d %H:%M:%S')}}"


def awaited(labels: int, approvals: int) -> str:
    """Say what a round waits for: ``3 labels``, ``3 labels and 1 approval``."""
    parts = [many(labels, "label")] * bool(labels) + [many(approvals, "approval")] * bool(approvals)
    if len(parts) > 1:
        return t("{one} and {other}", one=parts[0], other=parts[1])
    return "".join(parts) or many(0, "label")


def many(count: int, noun: str, plural: str = "") -> str:
    """Write a count with its noun: ``1 frame``, ``1,200 frames``."""
    return counted(count, f"{{n}} {noun}", f"{{n}} {plural or noun + 's'}")


def share_told(hits: int, of: int) -> str:
    """Write a share with its exact 95 % interval: ``1 of 12 (0 % to 38 %)``; a dash where nothing is known."""
    if not of:
        return "–"
    # The server starts without scipy.
    from al_core.audit.judging import share_interval

    low, high = share_interval(hits, of)
    return t("{hits} of {of} ({low} to {high})", hits=hits, of=of, low=numeral(low, ".0%"), high=numeral(high, ".0%"))


def shots_told(shots: Iterable[Shots]) -> list[str]:
    """Write how many cuts some videos have, and how many frames that repeat others; what there is none of is left
    out."""
    found = list(shots)
    cuts = sum(len(one.cuts) for one in found)
    repeated = sum(len(stretch) - 1 for one in found for stretch in one.repeats)
    told = [many(cuts, "cut")] if cuts else []
    others = counted(repeated, "{n} frame that repeats others", "{n} frames that repeat others")
    return told + [others] * bool(repeated)


def clock(microseconds: int) -> str:
    """Write a time within a video: ``0:04.12``, ``1:02:04.12``."""
    hundredths = round(microseconds / 10_000)
    seconds, hundredths = divmod(hundredths, 100)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    whole = f"{hours}:{minutes:02d}" if hours else str(minutes)
    return signs(f"{whole}:{seconds:02d}.{hundredths:02d}")


def between(least: float, most: float, text: Callable[[float], str]) -> str:
    """Write a figure of which bounds are known: ``7.3``, ``≤ 2.0``, ``> 16.0``; a dash where nothing is known."""
    if least == most:
        return text(least)
    if math.isinf(most):
        return f"> {text(least)}" if least else "–"
    return f"{text(least)}–{text(most)}" if least else f"≤ {text(most)}"


def times(ratio: CostRatio) -> str:
    """Write a ratio with its interval, which a single video does not have: ``1.50x (1.20x–1.90x)``."""
    own = between(ratio.least, ratio.most, "{:.2f}x".format)
    interval = between(ratio.low, ratio.high, "{:.2f}x".format)
    return own if math.isnan(ratio.low) or interval == own else f"{own} ({interval})"
