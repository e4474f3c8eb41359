"""Try out, before people are asked, what only doing can tell: the student is built, trained for a step and predicts.

A child process does it, so that a crash, or the system ending what takes too much memory, is a message too. What went
well is remembered beside the decoded frames, which may be deleted at any time.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from al_core.campaign.less_memory import what_to_lower
from al_core.errors import BadSettings
from al_core.files import json_bytes, write_whole
from al_core.fingerprint import code_version, fingerprint, fingerprint_file
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import FrameRef, Progress, Video
from al_core.settings import Settings
from al_core.stores.pretrained import PretrainedNetworks, weights_to_start_from, with_networks
from tasks.preflight.checks import starts_from_round_before
from tasks.processes.memory import killed_for_memory
from tasks.progress import progress_of

_log = logging.getLogger(__name__)

PATIENCE = 1800.0
"""Seconds that a trial may take; one on a CPU takes some ten."""

STEP = "try the student"
_NO_MATTER = {
    "iterations",
    "first_round_iterations",
    "checkpoint_interval",
    "learning_rate",
    "warm_start",
    "lower_on_memory",
}


def rehearse(project: Project, ledger: Ledger, settings: Settings) -> tuple[str, ...]:
    """Try a student out, unless it was with the same settings, categories and code.

    Where nobody is asked, and no weights are given that may not fit, nothing is tried.

    Returns:
        What a person should know, e.g. which of the given weights fitted; nothing where nothing was tried.

    Raises:
        BadSettings: it cannot be built, trained or used, or needs more memory than there is; the message says what to
            change.
    """
    start = None if starts_from_round_before(settings, ledger) else settings.student.init_weights
    videos = ledger.videos()
    if not videos or (settings.annotator.backend == "simulated" and not start):
        return ()
    largest = max(videos, key=lambda video: video.width * video.height)
    categories = ledger.categories()
    kept = PretrainedNetworks(project.pretrained)
    networks = with_networks(settings.propagation, kept)
    trial = {
        "settings": settings.model_copy(update={"propagation": networks}).model_dump(mode="json"),
        "categories": sorted(categories.items()),
        "start": str(weights_to_start_from(start, kept)) if start else "",
    }
    noted = project.cache / "trials" / f"{_key(settings, trial, largest)}.json"
    if noted.is_file():
        return ()
    tell = progress_of(STEP)
    tell(Progress(0, 1, "one training step, one prediction"))
    answer = _asked(project, ledger, settings, trial, largest)
    tell(Progress(1, 1, "it works"))
    write_whole(noted, json_bytes(answer))
    for note in answer["notes"]:
        _log.info("%s", note)
    return tuple(answer["notes"])


def _key(settings: Settings, trial: dict[str, Any], video: Video) -> str:
    return fingerprint(
        {
            "student": settings.student.model_dump(mode="json", exclude=_NO_MATTER),
            "teachers": settings.teachers.model_dump(mode="json"),
            "propagation": settings.propagation.model_dump(mode="json"),
            "categories": trial["categories"],
            "start": fingerprint_file(Path(trial["start"])) if trial["start"] else "",
            "size": [video.height, video.width, settings.frames.working_long_side],
            "code": code_version(),
        }
    )


def _asked(project: Project, ledger: Ledger, settings: Settings, trial: dict[str, Any], video: Video) -> dict[str, Any]:
    """Return what the child process says of a student that works."""
    import numpy as np

    from tasks.project.ingest import open_frames

    image = open_frames(project, ledger, settings.frames).read(FrameRef(video.video_id, 0))
    with tempfile.TemporaryDirectory(prefix="fewframes-trial-") as name:
        folder = Path(name)
        np.save(folder / "image.npy", image)
        (folder / "trial.json").write_bytes(json_bytes(trial))
        ended = _child(folder)
        answer = folder / "answer.json"
        if answer.is_file():
            said: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        else:
            memory = ended == -signal.SIGKILL or (isinstance(ended, int) and killed_for_memory(ended, None))
            said = {"memory": memory, "error": f"the process ended with status {ended}"}
    if said.get("memory"):
        raise BadSettings(f"student: it needs more memory than there is ({said['error']}); {what_to_lower(settings)}")
    if "error" in said:
        about = "student.init_weights: " if trial["start"] and said["error"].startswith(trial["start"]) else ""
        raise BadSettings(about + said["error"] if said.get("known") else _broken(settings, said["error"]))
    return said


def _child(folder: Path) -> int | str:
    """Let another process try the student in a folder; returns how it ended."""
    command = [sys.executable, "-m", "tasks.preflight.trying", str(folder)]
    root = str(Path(__file__).resolve().parents[2])
    search = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
    environment = os.environ | {"PYTHONPATH": search}
    with (folder / "output.txt").open("wb") as output:
        try:
            return subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                timeout=PATIENCE,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            return f"nothing after {PATIENCE:.0f} s"


def _broken(settings: Settings, error: str) -> str:
    student = settings.student
    override = f" with student.override {student.override!r}" if student.override else ""
    return (
        f"student: one training step and one prediction of {student.config!r}{override} failed ({error}); choose "
        "another student.config, or another size in student.long_side"
    )
