"""Hold frames out of the loop, and say what is measured on them."""

from collections.abc import Sequence

import numpy as np

from al_core.errors import BadLabel
from al_core.footage.unseen import frames_to_see
from al_core.ledger.store import Ledger
from al_core.records import ONE_SHOT, Video
from tasks.report.formatting import many
from tasks.report.round_rows import held_out_quality


def hold_out_frames(ledger: Ledger, video_name: str, choice: Sequence[range], ask: int, who: str) -> str:
    """Hold frames of a video out, and ask people for some; returns what was done, in words.

    Args:
        choice: frames, all of which people are asked for; empty for the whole video, of which they are asked for
            ``ask`` frames, spread evenly; of frames that show the same thing, for one at most.

    Raises:
        UnknownName: there is no such video.
        BadLabel: it has no such frame, or the loop learns from one or asks for it.
    """
    video = ledger.video(video_name)
    held = chosen_frames(video, choice)
    distinct = ledger.shots().get(video.video_id, ONE_SHOT).distinct(video.n_frames)
    wanted = held if choice else [distinct[place] for place in evenly(len(distinct), ask)]
    new = ledger.hold_out(video.video_id, held, wanted, who)
    return (
        f"{video.name}: {many(new, 'frame')} newly held out, {len(held):,} of {video.n_frames:,} in all with these; "
        f"people are asked for {len(wanted):,}"
    )


def give_back_frames(ledger: Ledger, video_name: str, choice: Sequence[range], who: str) -> str:
    """Let the loop ask for frames of a video again, all that are held out where ``choice`` is empty; returns what was
    done, in words.

    Raises:
        UnknownName: there is no such video.
        BadLabel: it has no such frame.
    """
    video = ledger.video(video_name)
    done = ledger.end_holdout(video.video_id, chosen_frames(video, choice) if choice else None, who)
    return f"{video.name}: {many(done, 'frame')} no longer held out; rounds may ask for that"


def chosen_frames(video: Video, choice: Sequence[range]) -> list[int]:
    """Return the numbers of chosen frames, rising; all where ``choice`` is empty.

    Raises:
        BadLabel: the video has no such frame.
    """
    beyond = [max(part.start, video.n_frames) for part in choice if part.stop > video.n_frames]
    if beyond:
        raise BadLabel(f"{video.name} has the frames 0 to {video.n_frames - 1}, got {beyond[0]}")
    return frames_to_see(video.n_frames, choice=choice)


def evenly(n_frames: int, n: int) -> list[int]:
    """Return so many numbers of frames in the middles of equal stretches of them, rising."""
    n = min(n, n_frames)
    return [int(place) for place in np.floor((np.arange(n) + 0.5) * n_frames / max(n, 1))]


def measured_in_words(ledger: Ledger) -> str:
    """Say what the newest round reached on held-out frames."""
    found = held_out_quality(ledger.quality(reference="holdout"))
    if found is None:
        return "Nothing is measured: no held-out frame is labelled yet, or no round has delivered masks."
    return found.in_words()
