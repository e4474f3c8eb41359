"""What every annotation back-end can do; all of it may be repeated after a crash without harm."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from al_core.records import Answer, FrameLabel, LabelRequest

NOTE = "note: "


def told_line(message: str) -> str:
    """Return a message of :meth:`Backend.rejected` as a line for people."""
    return message if message.startswith(NOTE) else f"not taken: {message}"


class Backend(Protocol):
    """Puts requests before people and brings their answers back.

    Attributes:
        shows_prelabels: whether it can put masks before people, to be corrected instead of drawn.
        revisable: whether people may answer a request again after its answer was collected.
    """

    shows_prelabels: bool
    revisable: bool

    def submit(self, requests: Sequence[LabelRequest], prelabels: Mapping[str, FrameLabel]) -> None:
        """Put requests before people; one that is there already is left as it is.

        Args:
            prelabels: masks to start from, by request id; a request without an entry starts from nothing.
        """
        ...

    def collect(self, request_ids: Sequence[str]) -> list[Answer]:
        """Return the answers to these requests, in their order; where one has several, the newest is the last.

        The newest is always there; older ones may be, until they are stored. The same answer keeps its id, however
        often it is collected.
        """
        ...

    def rejected(self) -> list[str]:
        """Return what came back and cannot be used, one message each with the reason; each is told once.

        A message that begins with ``NOTE`` is about something that was taken, perhaps otherwise than it was meant.
        """
        ...
