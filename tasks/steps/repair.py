"""Look at what finished steps made and later ones read, before a round goes on; make again what is damaged.

A killed process leaves no half-written file. A power cut, a full disk or a person may: the ledger then says that a step
is done, and its file says otherwise. The step is done once more, with the labels and settings that it had.
"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from al_core.fingerprint import fingerprint_file
from tasks.steps.context import RoundContext
from tasks.steps.table import STEPS, MadeFile, Step

_log = logging.getLogger(__name__)

Steps = Mapping[str, Step[Any]]


def repair_inputs(context: RoundContext, steps: Steps = STEPS) -> list[str]:
    """Make sure of all files that the unfinished steps of a round read; returns what was made again, in words.

    Where a step was begun and did not end, they are read whole: a file that nobody wrote to may be why. Otherwise those
    are read that changed since they were read last.
    """
    with context.ledger.held():
        unfinished = [step for step in steps.values() if context.result(step.result) is None]
        begun = any(context.ledger.step(context.round_id, step.name) is not None for step in unfinished)
        hash_of = fingerprint_file if begun else context.file_hashes.of
        read = [(_shifted(context, shift), name) for step in unfinished for name, shift in step.reads]
        damaged = [(other, name) for other, name in read if damaged_files(other, name, steps, hash_of)]
        context.file_hashes.keep()
    return [words for other, name in damaged for words in repair_step(other, name, steps)]


def repair_step(context: RoundContext, name: str, steps: Steps = STEPS) -> list[str]:
    """Do a finished step again when a file that it made is damaged or gone, after the steps that it needs itself.

    Returns:
        What was made again, in words.
    """
    step = steps[name]
    damaged = damaged_files(context, name, steps)
    if not damaged:
        return []
    read = [(_shifted(context, shift), other) for other, shift in step.reads]
    before = [words for other_context, other in read for words in repair_step(other_context, other, steps)]
    files = ", ".join(context.project.relative(path) for path in damaged.values())
    words = f"{files}: is damaged or gone, so step {name!r} of round {context.round_id} is done again"
    _log.warning(words)
    for path in damaged.values():
        # A damaged checkpoint may still be readable, and would be taken for the finished one.
        path.unlink(missing_ok=True)
    context.ledger.reopen_step(context.round_id, name, list(damaged))
    step.do(context.of_round(context.round_id))
    return [*before, words]


def _shifted(context: RoundContext, shift: int) -> RoundContext:
    return context.before if shift else context


def damaged_files(
    context: RoundContext, name: str, steps: Steps = STEPS, hash_of: Callable[[Path], str] = fingerprint_file
) -> dict[int, Path]:
    """Return the damaged files of a finished step by video; a checkpoint goes as video 0.

    Args:
        hash_of: returns the SHA-256 of a file.
    """
    step = steps[name]
    result = context.result(step.result)
    made: Mapping[int, MadeFile] = {} if result is None else step.files(context, result)
    return {video: file.path for video, file in made.items() if not _is_whole(file, hash_of)}


def _is_whole(file: MadeFile, hash_of: Callable[[Path], str]) -> bool:
    """Tell whether a file is there, and is what it was where that is known."""
    return file.path.is_file() and file.sha256 in (None, hash_of(file.path))
