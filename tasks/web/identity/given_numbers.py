"""Numbers for new objects: two people who draw in one video at the same time never get the same."""

import threading
from collections import defaultdict
from collections.abc import Collection
from itertools import count

from tasks.web.schemas import LARGEST_TRACK


class GivenNumbers:
    """Numbers that were given to people and are on no label yet. May be used from several threads.

    A person whose number was not used gets it again, so that numbers are not spent by frames that were only opened.
    What was given is forgotten with the process; by then it is in drafts of the same people, who bring it along.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given: defaultdict[int, dict[int, str]] = defaultdict(dict)

    def next(self, video_id: int, person: str, known: Collection[int], taken: Collection[int]) -> int:
        """Return a number that is on no object of a video and in nobody else's hands; at least 1.

        Args:
            known: numbers of the video's objects.
            taken: numbers in the frame that the person has in hand.
        """
        with self._lock:
            given = self._given[video_id]
            for number in [number for number in given if number in known]:
                del given[number]
            own = [number for number, who in given.items() if who == person and number not in taken]
            if own:
                return min(own)
            used = {*known, *taken, *given}
            number = max(used, default=0) + 1
            if number > LARGEST_TRACK:
                number = next(free for free in count(1) if free not in used)
            given[number] = person
            return number
