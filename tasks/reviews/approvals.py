"""What waits for reviewers, and reviews of frames that are named."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import NAMESPACE_OID, uuid5

from rich.box import SIMPLE_HEAD
from rich.table import Table

from al_core.errors import BadLabel
from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.records import FrameRef
from tasks.languages.phrases import counted, t
from tasks.report.formatting import percent


@dataclass(frozen=True, slots=True)
class Approvals:
    """The answers that wait for a review.

    Attributes:
        due: how many.
        needed: how many of them are not used before they are approved.
        without_reviewer: authors of answers that nobody but themselves may review.
    """

    due: int = 0
    needed: int = 0
    without_reviewer: tuple[str, ...] = ()

    def in_words(self) -> str:
        """Say what waits, in one sentence without a full stop; empty where nothing does."""
        if not self.due:
            return ""
        words = counted(self.due, "{n} answer waits for a review", "{n} answers wait for a review")
        if self.needed:
            kept_back = (", {n} of them is not used before that", ", {n} of them are not used before that")
            words += counted(self.needed, *kept_back)
        if self.without_reviewer:
            words += t("; nobody else may review what {people} answered", people=", ".join(self.without_reviewer))
        return words

    def mend(self, at: str) -> str:
        """Return what to do where nobody may review; empty where somebody may.

        Args:
            at: how the command line names the project.
        """
        command = f"fewframes annotator add NAME --role reviewer {at}"
        return t("give somebody else a link: {command}", command=command) if self.stuck else ""

    @property
    def stuck(self) -> bool:
        """Whether some of it waits for nobody."""
        return bool(self.without_reviewer)


def approvals_of(ledger: Ledger) -> Approvals:
    """Return what waits for reviewers."""
    due = ledger.due_reviews()
    if not due:
        return Approvals()
    may = {p.name for p in ledger.annotators() if not p.revoked and p.role.covers(Role.REVIEWER)}
    authors = sorted({entry.author for entry in due if not may - {entry.author}})
    return Approvals(len(due), sum(entry.needed for entry in due), tuple(authors))


def approve_frames(ledger: Ledger, video: str, frame_indices: Sequence[int], reviewer: str) -> int:
    """Approve the answers to frames of a video; returns how many.

    Raises:
        UnknownName: there is no such video, or nobody of that name has access.
        BadLabel: a frame has no answer, or it is the reviewer's own; what comes before it is approved.
        StaleLease: somebody has a frame in hand.
    """
    found = _answered(ledger, video, frame_indices)
    for request_id in found:
        answer_id, revision = ledger.standing_revision(request_id)
        ledger.approve(_review_id("approved", answer_id), request_id, reviewer, None, revision, 0.0)
    return len(found)


def return_frames(ledger: Ledger, video: str, frame_indices: Sequence[int], reviewer: str, note: str) -> int:
    """Return the answers to frames of a video, also approved ones, to their authors; returns how many.

    Raises:
        What :func:`approve_frames` does, and BadLabel where the note is empty or too long.
    """
    found = _answered(ledger, video, frame_indices)
    for request_id in found:
        answer_id, revision = ledger.standing_revision(request_id)
        ledger.return_answer(_review_id("returned", answer_id), request_id, reviewer, None, revision, 0.0, note)
    return len(found)


def due_table(ledger: Ledger) -> Table:
    """Return the answers that wait for a review, for a terminal."""
    names = {video.video_id: video.name for video in ledger.videos()}
    lines = Table(header_style="bold", box=SIMPLE_HEAD, show_edge=False, padding=(0, 1))
    for title in ("video", "frame", "by", "answered (UTC)", "agrees", "used before"):
        lines.add_column(title, justify="right" if title in ("frame", "agrees") else "left")
    for due in ledger.due_reviews():
        agrees = percent(due.likeness) if due.likeness is not None else "–"
        answered = due.answered_at.strftime("%Y-%m-%d %H:%M")
        used = "no" if due.needed else "yes"
        lines.add_row(names[due.frame.video_id], str(due.frame.frame_idx), due.author, answered, agrees, used)
    return lines


def _answered(ledger: Ledger, video: str, frame_indices: Sequence[int]) -> list[str]:
    """Return the newest answered request for each frame."""
    video_id = ledger.video(video).video_id
    known = {r.frame: r.request_id for purpose in ("holdout", "label") for r in ledger.requests(None, "done", purpose)}
    frames = [FrameRef(video_id, index) for index in frame_indices]
    without = [frame.frame_idx for frame in frames if frame not in known]
    if without:
        raise BadLabel(f"{video}: nobody answered the frames {without}; those that wait: fewframes review list")
    return [known[frame] for frame in frames]


def _review_id(verdict: str, answer_id: str) -> str:
    return str(uuid5(NAMESPACE_OID, f"{verdict} {answer_id}"))
