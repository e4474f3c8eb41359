"""What earlier audits asked already: the same mask, the same frame to draw, or a frame whose masks are all the same.

A drawing from nothing says as much of the next delivery, with which it is compared anew. A judgement is of one mask,
and holds as long as that is delivered as it was.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from al_core.audit.audit_records import AuditSample, AuditUnit, Grade, Population, UnitKey
from al_core.campaign.audited import AuditSize
from al_core.ledger.campaign.audit_requests import CarriedRequest
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import IGNORE_TRACK, DeliveredMask, Rle
from al_core.stores.delivered import read_delivered
from tasks.auditing.samples import request_names, requests_of

Frame = tuple[int, int]
"""(video, frame)."""


@dataclass(frozen=True, eq=False)
class Unchanged:
    """What a delivery has in common with the one that was audited before.

    Attributes:
        before: the first sample of that audit.
        masks: (video, frame, track) of masks that are the same.
        frames: of which all masks are the same.
    """

    before: AuditSample
    masks: frozenset[tuple[int, int, int]]
    frames: frozenset[Frame]

    @classmethod
    def since_last_audit(cls, project: Project, ledger: Ledger, round_id: int, iou: float) -> "Unchanged | None":
        """Compare a round's delivery with that of the newest audit before; None without any that asked the same.

        Videos of which either delivery is gone have nothing in common.
        """
        earlier = [number for number, *_ in ledger.audit_state() if number < round_id]
        samples = ledger.audit_samples(earlier[-1]) if earlier else []
        if not samples or samples[0].iou != iou:
            return None
        old, new = ledger.delivered_paths(earlier[-1]), ledger.delivered_paths(round_id)
        masks, frames = set[tuple[int, int, int]](), set[Frame]()
        for video_id in sorted(old.keys() & new.keys()):
            paths = [project.absolute(paths[video_id]) for paths in (old, new)]
            if not all(path.is_file() for path in paths):
                continue
            was, now = ({i: _by_track(found) for i, found in read_delivered(path)} for path in paths)
            for frame_idx in sorted(was.keys() | now.keys()):
                a, b = was.get(frame_idx, {}), now.get(frame_idx, {})
                masks |= {(video_id, frame_idx, track) for track in a if a[track] == b.get(track)}
                if a != b:
                    frames.add((video_id, frame_idx))
        lengths = ledger.video_lengths()
        same = {(v, i) for v in old.keys() & new.keys() for i in range(lengths[v])} - frames
        return cls(samples[0], frozenset(masks), frozenset(same))

    def holds(self, unit: AuditUnit) -> bool:
        """Tell whether what was asked about a unit before asks the same of this delivery."""
        frame = (unit.frame.video_id, unit.frame.frame_idx)
        if unit.grade is Grade.MEASURED:
            return True
        return frame in self.frames if unit.whole_frame else (*frame, unit.track_id) in self.masks

    def expected(self, population: Population, answered: AuditSize) -> AuditSize:
        """Return how many answers are expected to hold for a delivery still, by how much of it is the same; which of
        the drawn units these are has no part in it.

        Args:
            answered: how many answers there are to the audit before.
        """
        ids = zip(
            population.video_id.tolist(), population.frame_idx.tolist(), population.track_id.tolist(), strict=True
        )
        at = zip(population.frame_video.tolist(), population.frame_number.tolist(), strict=True)
        masks = Fraction(sum(one in self.masks for one in ids), max(len(population), 1))
        frames = Fraction(sum(one in self.frames for one in at), max(population.n_frames, 1))
        return AuditSize(int(answered.judged * masks), answered.blind, int(answered.frames * frames))


def answered_of(ledger: Ledger, sample: AuditSample) -> AuditSize:
    """Return how many questions of a sample are answered, of each kind."""
    done = {request.request_id for request in ledger.requests(status="done", purpose="audit")}
    known = {key for key, name in requests_of(ledger, sample).items() if name in done}
    kinds = (sample.of(Grade.JUDGED), sample.of(Grade.MEASURED), sample.of(Grade.JUDGED, whole_frames=True))
    return AuditSize(*(sum(unit.key in known for unit in units) for units in kinds))


def carried_over(ledger: Ledger, sample: AuditSample, unchanged: Unchanged | None) -> list[CarriedRequest]:
    """Return the requests of the audit before that ask what a sample asks, answered or open."""
    if unchanged is None or sample.draw != unchanged.before.draw:
        return []
    live = {r.request_id for status in ("open", "done") for r in ledger.requests(status=status, purpose="audit")}
    asked: dict[UnitKey, str] = requests_of(ledger, unchanged.before)
    names, found = request_names(sample), dict[str, CarriedRequest]()
    for unit in sample.units:
        name, earlier = names[unit.key], asked.get(unit.key)
        if earlier in live and unchanged.holds(unit):
            found[name] = CarriedRequest(name, sample.round_id, earlier, unit.frame.video_id)
    return list(found.values())


def _by_track(found: Iterable[DeliveredMask]) -> dict[int, Rle]:
    return {mask.track_id: mask.rle for mask in found if mask.track_id != IGNORE_TRACK}
