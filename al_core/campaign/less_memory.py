"""What to lower when memory runs out."""

from al_core.settings import Settings

SIDE_STEP = 32
LEAST_LONG_SIDE = 96
"""The sides of frames that students see are multiples of the one, and not worth much below the other."""


def less_memory(settings: Settings, step: str) -> dict[str, int]:
    """Return settings that let a step get by with less memory, by dotted name; none where nothing is left to lower.

    A training first takes half as many frames at a time, which costs the least. What only predicts sees one frame at a
    time.

    Args:
        step: its name.
    """
    student = settings.student
    if step == "train" and student.batch_size > 1:
        return {"student.batch_size": student.batch_size // 2}
    smaller = student.long_side * 3 // 4 // SIDE_STEP * SIDE_STEP
    if step in ("train", "predict") and smaller >= LEAST_LONG_SIDE:
        return {"student.long_side": smaller}
    return {}


def what_to_lower(settings: Settings) -> str:
    """Return which settings cost memory, with the values that they have, as the end of a sentence."""
    student, teachers = settings.student, settings.teachers
    return (
        f"lower student.long_side ({student.long_side}), student.batch_size ({student.batch_size}), "
        f"frames.working_long_side ({settings.frames.working_long_side}) or the number of teachers.decays "
        f"({len(teachers.decays)}), or choose a smaller student.config ({student.config})"
    )
