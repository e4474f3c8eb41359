"""Which number in a file's name is that of its frame."""

import re
from collections.abc import Sequence

NO_NUMBER = -1

_DIGITS = re.compile(r"\d+")


def frame_numbers(stems: Sequence[str]) -> list[int]:
    """Return the frame number in each of these names, which belong to one folder.

    It is the last run of digits that tells all the names apart (``0000_1080p``, ``0001_1080p`` count 0, 1). Where none
    does, or the names are not built alike, it is the last run of digits of each.

    Args:
        stems: names without their endings.

    Returns:
        A number for each name; ``NO_NUMBER`` where there are no digits in it.
    """
    runs = [[int(run) for run in _DIGITS.findall(stem)] for stem in stems]
    alike = len({_DIGITS.sub("0", stem) for stem in stems}) == 1
    if alike and len(stems) > 1:
        for column in reversed(list(zip(*runs, strict=True))):
            if len(set(column)) == len(stems):
                return list(column)
    return [found[-1] if found else NO_NUMBER for found in runs]
