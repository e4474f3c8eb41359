"""The child process of a rehearsal: ``python -m tasks.preflight.trying FOLDER``.

It reads ``trial.json`` and ``image.npy``, and writes ``answer.json``: notes, or an error.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from al_core.errors import FewframesError, OutOfMemory, first_line
from al_core.files import json_bytes, write_whole
from al_core.propagation import Resources, build
from al_core.settings import Settings
from tasks.processes.children import die_with_owner


def tried(folder: Path) -> dict[str, Any]:
    """Try the student and propagators of a folder's settings out.

    Returns:
        ``notes``, or ``error`` with ``memory`` where there was too little, and ``known`` where the error says itself
        what to do.
    """
    trial = json.loads((folder / "trial.json").read_text(encoding="utf-8"))
    settings = Settings.model_validate(trial["settings"])
    start = Path(trial["start"]) if trial["start"] else None
    try:
        from tasks.preflight.student_trial import try_student

        for method in settings.propagation.candidates:
            build(method, Resources(settings.propagation, folder / "cache"))
        image = np.load(folder / "image.npy")
        notes = try_student(
            settings.student, settings.teachers, dict(trial["categories"]), image, folder / "student", start
        )
    except FewframesError as error:
        return {"error": _line(error), "known": True}
    except Exception as error:
        return {"error": _line(error), "memory": OutOfMemory.seen_in(error)}
    return {"notes": list(notes)}


def _line(error: Exception) -> str:
    """Return the first line of an error, with its kind where it is not one of ours."""
    words = first_line(error)
    return words if isinstance(error, FewframesError) else f"{type(error).__name__}: {words}"


def _first_to_go() -> None:
    """Let the system end this process before any other when memory runs out; only Linux can be asked that."""
    file = Path("/proc/self/oom_score_adj")
    if file.exists():
        file.write_text("1000")


if __name__ == "__main__":
    die_with_owner()
    _first_to_go()
    place = Path(sys.argv[1])
    write_whole(place / "answer.json", json_bytes(tried(place)))
