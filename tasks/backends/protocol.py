"""What every annotation back-end can do; all of it may be repeated after a crash without harm."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from al_core.records import Answer, FrameLabel, LabelRequest


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
        """Return the newest answer of each of these requests that has one, in their order.

        The same answer keeps its id, however often it is collected.
        """
        ...

    def rejected(self) -> list[str]:
        """Return what came back and cannot be used, one message each with the reason; each is told once."""
        ...
