"""What finished steps made and later ones read is looked at before a round goes on; what is damaged is made again.

A killed process leaves no half-written file. A power cut, a full disk or a person may: the ledger then says that a step
is done, and its file says otherwise. The step is done once more, with the labels and settings that it had.
"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from al_core.fingerprint import fingerprint_file
from al_core.ledger.store import Ledger, Step
from al_core.project import Project

_log = logging.getLogger(__name__)

Redo = Callable[[str, int], object]
"""Does the step of that name of that round."""

_READS: dict[str, tuple[tuple[str, int], ...]] = {
    "select": (("predict", -1),),
    "request": (("propagate", -1),),
    "train": (("train", -1),),
    "predict": (("train", 0),),
    "propagate": (("predict", 0),),
    "audit": (("propagate", 0),),
}
"""The steps whose files a step reads: (name, 0 for the same round, -1 for the one before)."""


def mend_inputs(project: Project, ledger: Ledger, round_id: int, redo: Redo) -> list[str]:
    """Make sure of all files that the unfinished steps of a round read; returns what was made again, in words."""
    with ledger.held():
        unfinished = [name for name in _READS if not _is_finished(ledger.step(round_id, name))]
        read = [(other, round_id + shift) for name in unfinished for other, shift in _READS[name]]
        damaged = [(name, number) for name, number in read if _damaged(project, ledger, name, number)]
    return [words for name, number in damaged for words in make_sure(project, ledger, name, number, redo)]


def make_sure(project: Project, ledger: Ledger, name: str, round_id: int, redo: Redo) -> list[str]:
    """Do a finished step again when a file that it made is damaged or gone, after the steps that it needs itself;
    returns what was made again, in words."""
    damaged = _damaged(project, ledger, name, round_id)
    if not damaged:
        return []
    before = [w for other, shift in _READS[name] for w in make_sure(project, ledger, other, round_id + shift, redo)]
    files = ", ".join(project.relative(path) for path in damaged.values())
    words = f"{files}: is damaged or gone, so step {name!r} of round {round_id} is done again"
    _log.warning(words)
    for path in damaged.values():
        # A damaged checkpoint may still be readable, and would be taken for the finished one.
        path.unlink(missing_ok=True)
    ledger.reopen_step(round_id, name, list(damaged))
    redo(name, round_id)
    return [*before, words]


def hashes_of(project: Project, paths: Mapping[int, str]) -> dict[str, str]:
    """What tells whether each video's file is still the one that was written: SHA-256 (64 hex digits), by
    video number as text, as a step's result keeps it."""
    return {str(video): fingerprint_file(project.absolute(path)) for video, path in paths.items()}


def _is_finished(step: Step | None) -> bool:
    return step is not None and step.status == "finished"


def _damaged(project: Project, ledger: Ledger, name: str, round_id: int) -> dict[int, Path]:
    """The damaged files of a finished step by video; a checkpoint goes as video 0."""
    step = ledger.step(round_id, name)
    if step is None or not _is_finished(step):
        return {}
    if name == "train":
        if "checkpoint" not in step.result:
            return {}
        path = project.absolute(step.result["checkpoint"])
        return {} if _is_whole(path, step.result["sha256"]) else {0: path}
    paths = ledger.prediction_paths if name == "predict" else ledger.delivered_paths
    found = {video: project.absolute(path) for video, path in paths(round_id).items()}
    hashes = step.result.get("hashes", {})
    return {video: path for video, path in found.items() if not _is_whole(path, hashes.get(str(video)))}


def _is_whole(path: Path, sha256: str | None) -> bool:
    """Whether a file is there, and is what it was where that is known."""
    return path.is_file() and sha256 in (None, fingerprint_file(path))
