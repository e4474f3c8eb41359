"""Hold frames out of the loop, and say what is measured on them."""

from collections.abc import Sequence

import numpy as np

from al_core.errors import BadLabel
from al_core.ledger.store import Ledger
from tasks.report.formatting import many
from tasks.report.round_rows import held_out_quality


def hold_out_frames(ledger: Ledger, video_name: str, frames: Sequence[int] | None, ask: int, who: str) -> str:
    """Hold frames of a video out, and ask people for some; returns what was done, in words.

    Args:
        frames: None for the whole video, of which people are asked for ``ask`` frames, spread evenly.

    Raises:
        UnknownName: there is no such video.
        BadLabel: it has no such frame, or the loop learns from one or asks for it.
    """
    video = ledger.video(video_name)
    held: Sequence[int] = range(video.n_frames)
    if frames is None:
        wanted = evenly(video.n_frames, ask)
    else:
        held, wanted = list(frames), list(frames)
        beyond = [index for index in held if index >= video.n_frames]
        if beyond:
            raise BadLabel(f"{video.name} has the frames 0 to {video.n_frames - 1}, got {beyond[0]}")
    new = ledger.hold_out(video.video_id, held, wanted, who)
    return (
        f"{video.name}: {many(new, 'frame')} newly held out, {len(held):,} of {video.n_frames:,} in all with these; "
        f"people are asked for {len(wanted):,}"
    )


def evenly(n_frames: int, n: int) -> list[int]:
    """Return so many frame numbers in the middles of equal stretches of a video, rising."""
    n = min(n, n_frames)
    return [int(place) for place in np.floor((np.arange(n) + 0.5) * n_frames / max(n, 1))]


def measured_in_words(ledger: Ledger) -> str:
    """Say what the newest round reached on held-out frames."""
    found = held_out_quality(ledger.quality(reference="holdout"))
    if found is None:
        return "Nothing is measured: no held-out frame is labelled yet, or no round has delivered masks."
    return found.in_words()
