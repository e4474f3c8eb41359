"""What the steps of a round work on, and the typed results that they leave in the ledger for each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from al_core.campaign.budget import Plan
from al_core.campaign.waiting import Verdict, judge
from al_core.fingerprint import fingerprint_file
from al_core.ledger.store import Ledger, Round
from al_core.project import Project
from al_core.records import ONE_SHOT, CategoryTag, FrameLabel, FrameRef, Shots, Video
from al_core.settings import PropagationSettings, Settings, StoredSettings
from al_core.stores.pretrained import PretrainedNetworks, used, with_networks
from tasks.certificates.frozen_masks import FrozenMasks
from tasks.ledger.client import open_ledger
from tasks.project.outlook import plan_of, rounds_that_learn

if TYPE_CHECKING:
    from al_core.stores.file_hashes import FileHashes
    from al_core.stores.frames import FrameStore


@dataclass(frozen=True)
class StepResult:
    """What later steps, the report and the dashboard need of a step; stored as JSON.

    Results that earlier versions stored lack what was added later, which then has its default.

    Attributes:
        step: its name.
        added_later: fields that are stored only where they say something, so that results without them stay the same.
    """

    step: ClassVar[str]
    added_later: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return a stored result; what this version does not know is left out."""
        known = {f.name for f in fields(cls)}
        return cls(**{name: _tuples(value) for name, value in stored.items() if name in known})

    def to_json(self) -> dict[str, Any]:
        """Return the result as the ledger stores it."""
        values = {f.name: _lists(getattr(self, f.name)) for f in fields(self)}
        return {name: value for name, value in values.items() if value or name not in self.added_later}


@dataclass(frozen=True)
class Chosen(StepResult):
    """The frames that a round asks for.

    Attributes:
        frames: (video, frame number) of each, best first.
        control: how many of them were drawn at random.
        empty: why no frame is left to choose; empty where there are some.
        learns: whether nobody is asked, since the round first learns from labels that were imported.
        as_of: when the last of the labels came that were known then, ISO 8601 in UTC without zone; empty where an
            early version noted none.
    """

    step: ClassVar[str] = "select"
    added_later: ClassVar[tuple[str, ...]] = ("learns", "as_of")
    frames: tuple[tuple[int, int], ...] = ()
    control: int = 0
    empty: str = ""
    learns: bool = False
    as_of: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the frames with their number of controls, or the reason why there are none."""
        stored = super().to_json()
        del stored["control" if self.empty else "empty"]
        return stored


@dataclass(frozen=True)
class Requested(StepResult):
    """How many frames people are asked for, and how many of the next round are asked ahead."""

    step: ClassVar[str] = "request"
    requested: int = 0
    ahead: int = 0


@dataclass(frozen=True)
class Collected(StepResult):
    """How far the answers of a round are.

    Attributes:
        waiting: requests whose answers, or their approval, the round waits for; the step is done when there are none.
        rejected: what came back and cannot be used, with the reasons.
        answered: requests that have an answer that may be used.
        expired: requests that were withdrawn, because the round goes on without them (see
            :mod:`al_core.campaign.waiting`).
        as_of: when the answers were complete, ISO 8601 in UTC without zone; empty while the round waits.
        unapproved: requests whose answer no reviewer has approved: those of ``waiting``, or those that the round went
            on without.
        accepted: names of the certificates by which masks of earlier rounds are delivered as they were.
        tagged: when somebody last tagged a stretch before that, as ``as_of``; empty where nobody had.
    """

    step: ClassVar[str] = "collect"
    added_later: ClassVar[tuple[str, ...]] = ("unapproved", "accepted", "tagged")
    waiting: int = 0
    rejected: tuple[str, ...] = ()
    answered: int = 0
    expired: int = 0
    as_of: str = ""
    unapproved: int = 0
    accepted: tuple[str, ...] = ()
    tagged: str = ""


@dataclass(frozen=True)
class Trained(StepResult):
    """The student of a round.

    Attributes:
        checkpoint: its file, relative to the project; empty where there is no student yet, or an early version did not
            note it.
        sha256: hash of that file, 64 hex digits.
        device: that it was trained on.
        loss: of the last iteration; None where there was none.
        labels: frames that it learned from.
        notes: what a person should know, e.g. which of the given weights fitted.
        refiner: of the page, as :class:`~tasks.models.page_refiner.PageRefiner` stores itself; empty where none was
            trained.
        gain: what the teachers of the round before brought, as far as this round's labels tell, as
            :class:`~tasks.steps.model_selection.training_worth.Gain` counts; empty where it was not measured.
        kept: why the student of an earlier round is kept, or there is none; empty where one was trained.
        unlabelled: frames that nobody labelled, from which it learned too.
        losses: (iteration, value) of each part of the loss by its name, thinned; only where there were such frames.
    """

    step: ClassVar[str] = "train"
    added_later: ClassVar[tuple[str, ...]] = ("refiner", "gain", "kept", "unlabelled", "losses")
    checkpoint: str = ""
    sha256: str = ""
    device: str = ""
    loss: float | None = None
    labels: int = 0
    notes: tuple[str, ...] = ()
    refiner: Mapping[str, Any] = field(default_factory=dict)
    gain: tuple[float, ...] = ()
    kept: str = ""
    unlabelled: int = 0
    losses: Mapping[str, Any] = field(default_factory=dict)

    def learned_from(self) -> str:
        """Return what the student learned from, in words: "12 labelled and 640 unlabelled frames"."""
        return frames_learned(self.labels, self.unlabelled)


def frames_learned(labels: int, unlabelled: int) -> str:
    """Return what a student learned from: "12 labelled frames", or "12 labelled and 640 unlabelled frames"."""
    if unlabelled:
        return f"{labels:,} labelled and {unlabelled:,} unlabelled frames"
    return f"{labels:,} labelled frame{'' if labels == 1 else 's'}"


@dataclass(frozen=True)
class Predicted(StepResult):
    """The predictions of a round.

    Attributes:
        sha256: fingerprint of what they were made from, 64 hex digits; None where an early version noted none.
        videos: how many have predictions.
        hashes: SHA-256 of each video's file, by video number as text.
    """

    step: ClassVar[str] = "predict"
    sha256: str | None = None
    videos: int = 0
    hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Propagated(StepResult):
    """What a round delivers.

    Attributes:
        videos: how many have delivered masks.
        calibration: the map of confidences used, by propagator and provenance.
        hashes: SHA-256 of each video's file, by video number as text.
        chosen: propagators, by video number as text, where they were chosen: ``tracks`` and ``tried`` as
            :func:`tasks.steps.model_selection.choosing.as_json` tells them.
    """

    step: ClassVar[str] = "propagate"
    added_later: ClassVar[tuple[str, ...]] = ("chosen",)
    videos: int = 0
    calibration: Mapping[str, Any] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    chosen: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Audited(StepResult):
    """What the audit of a round found.

    Attributes:
        videos: how many were looked at.
        credits: (control, human seconds, worth) of each label; control is 1 where it was drawn at random.
    """

    step: ClassVar[str] = "audit"
    videos: int = 0
    credits: tuple[tuple[float, float, float], ...] = ()


R = TypeVar("R", bound=StepResult)


@dataclass(frozen=True)
class RoundContext:
    """One round of a project, and what its steps read; everything is read when it is first asked for, and kept.

    Attributes:
        step: the step that works with it, whose settings count; empty for those of the round.
    """

    project: Project
    ledger: Ledger
    round_id: int
    step: str = ""

    @classmethod
    def open(cls, project: Project, round_id: int) -> "RoundContext":
        """Return the context of a round, with a ledger of its own."""
        return cls(project, open_ledger(project), round_id)

    def of_round(self, round_id: int) -> "RoundContext":
        """Return the context of another round of the same project."""
        return RoundContext(self.project, self.ledger, round_id)

    def of_step(self, step: str) -> "RoundContext":
        """Return the context of a step of the round, with the settings that it has or had."""
        return RoundContext(self.project, self.ledger, self.round_id, step)

    @cached_property
    def before(self) -> "RoundContext":
        """The round before, those that were abandoned passed over; of number 0 where there is none."""
        return self.of_round(self.ledger.round_before(self.round_id))

    @property
    def passed_over(self) -> range:
        """The abandoned rounds between the one before and this one, whose answers are labels of this one."""
        return range(self.before.round_id + 1, self.round_id)

    @cached_property
    def round(self) -> Round:
        """The round as the ledger had it at the first look."""
        return self.ledger.round(self.round_id)

    @cached_property
    def stored(self) -> StoredSettings:
        """The settings as they are stored: what a step depends on is told from these."""
        return self.ledger.step_settings(self.round_id, self.step)

    @cached_property
    def settings(self) -> Settings:
        """The settings that the round's steps run with from now on, or that a finished step ran with."""
        return self.stored.settings

    @cached_property
    def plan(self) -> Plan:
        """How many frames a round asks for by these settings, and the whole campaign."""
        return plan_of(self.ledger, self.settings)

    @cached_property
    def complete_at(self) -> datetime | None:
        """When the answers of the round were complete, in UTC without zone; None while they are not."""
        collected = self.result(Collected)
        return datetime.fromisoformat(collected.as_of) if collected is not None and collected.as_of else None

    @cached_property
    def excluded(self) -> frozenset[int]:
        """The videos that the round leaves out: those that were excluded when its answers were complete, or are now
        where they are not."""
        return self.ledger.excluded_videos(self.complete_at)

    @cached_property
    def videos(self) -> list[Video]:
        """The videos that the round works on."""
        return [video for video in self.ledger.videos() if video.video_id not in self.excluded]

    @cached_property
    def categories(self) -> dict[int, str]:
        """The names of the categories that the round learns, by number: those that stood when its answers were
        complete, or do now where they are not."""
        return self.ledger.categories(self.complete_at)

    @cached_property
    def shots(self) -> dict[int, Shots]:
        """Cuts and still stretches by video, as they were known when the round began; see :meth:`shots_of`."""
        return self.ledger.shots(self.round_id)

    def shots_of(self, video_id: int) -> Shots:
        """Return the cuts and still stretches of a video that this round goes by."""
        return self.shots.get(video_id, ONE_SHOT)

    @property
    def cuts_as_inputs(self) -> dict[str, Any]:
        """What a step depends on that must not work over a cut; nothing where no video has one, as in projects of
        earlier versions."""
        cuts = {str(video): list(shots.cuts) for video, shots in self.shots.items() if shots.cuts}
        return {"cuts": cuts} if cuts else {}

    @cached_property
    def began(self) -> datetime | None:
        """When the round began, UTC without zone; None where the ledger has no such round."""
        return {this.round_id: this.started_at for this in self.ledger.rounds()}.get(self.round_id)

    @cached_property
    def propagation(self) -> PropagationSettings:
        """The settings of propagation, in which networks that the project learnt itself are named by their files."""
        return with_networks(self.settings.propagation, PretrainedNetworks(self.project.pretrained), self.began)

    @property
    def networks_as_inputs(self) -> dict[str, Any]:
        """What a step depends on that works with networks of the project; nothing where there are none."""
        known = PretrainedNetworks(self.project.pretrained).all()
        found = {kind: one.sha256 for kind, one in used(self.settings.propagation, known, self.began).items()}
        return {"networks": found} if found else {}

    @cached_property
    def frames(self) -> "FrameStore":
        """The frames of all videos, at the size that the round works on."""
        # Who only looks at results need not load OpenCV.
        from tasks.project.ingest import open_frames

        return open_frames(self.project, self.ledger, self.settings.frames)

    @cached_property
    def file_hashes(self) -> "FileHashes":
        """Hashes of files that the project's steps made, of which unchanged ones are not read again."""
        # Who only looks at results need not load what caches need.
        from al_core.stores.file_hashes import FileHashes

        return FileHashes(self.project.cache / "hashes")

    def whole_files(self, files: Mapping[int, Path], noted: Mapping[str, str]) -> dict[int, Path]:
        """Return the files, by video, that are as they were left, which hashes by video number as text tell."""
        found = {v: file for v, file in files.items() if file.is_file()}
        whole = {v: file for v, file in found.items() if self.file_hashes.of(file) == noted.get(str(v))}
        self.file_hashes.keep()
        return whole

    @cached_property
    def labels_before(self) -> list[FrameLabel]:
        """What people had said up to the round before when this one selected: all that the selection may know."""
        as_of = datetime.fromisoformat(self.known_as_of) if self.known_as_of else None
        gone = self.ledger.excluded_before(self.round_id)
        labels = self.ledger.human_labels(up_to_round=self.round_id - 1, as_of=as_of)
        return [label for label in labels if label.frame.video_id not in gone]

    @cached_property
    def frozen_at_first(self) -> FrozenMasks:
        """What certificates had accepted of earlier rounds when this one began; it asks for none of that."""
        return FrozenMasks.of(self.project, self.ledger, self.round_id - 1, self.began)

    @cached_property
    def frozen(self) -> FrozenMasks:
        """What certificates had accepted of earlier rounds when the answers of this one were there; it delivers the
        same."""
        collected = self.result(Collected)
        if collected is None or not collected.accepted:
            return self.frozen_at_first
        return FrozenMasks.of(self.project, self.ledger, self.round_id - 1).only(collected.accepted)

    @cached_property
    def imported(self) -> frozenset[FrameRef]:
        """The frames whose labels were imported: nobody was asked for them here."""
        found = self.ledger.imported_frames()
        return frozenset(map(FrameRef, found["video_id"].tolist(), found["frame_idx"].tolist()))

    @cached_property
    def known_as_of(self) -> str:
        """When the last of these labels came, as :class:`Chosen` keeps it: answers to an abandoned round come later."""
        chosen = self.result(Chosen)
        return self.ledger.newest_answer_at(self.round_id - 1).isoformat() if chosen is None else chosen.as_of

    @cached_property
    def labels_collected(self) -> list[FrameLabel]:
        """What people had said when the answers of the round were complete: what it learns from and delivers."""
        as_of = datetime.fromisoformat(self.required(Collected).as_of)
        labels = self.ledger.human_labels(up_to_round=self.round_id, as_of=as_of)
        return [label for label in labels if label.frame.video_id not in self.excluded]

    @cached_property
    def tags(self) -> dict[int, tuple[CategoryTag, ...]]:
        """What people had said of stretches of the videos when the answers of the round were complete; see
        :meth:`~al_core.ledger.store.Ledger.category_tags`."""
        collected = self.result(Collected)
        if collected is None or not collected.tagged:
            return {}
        return self.ledger.category_tags(datetime.fromisoformat(collected.tagged))

    def result(self, kind: type[R]) -> R | None:
        """Return what a step of the round left, by the type of its result; None while it is not finished."""
        step = self.ledger.step(self.round_id, kind.step)
        return kind.from_json(step.result) if step is not None and step.status == "finished" else None

    def required(self, kind: type[R]) -> R:
        """Return what a step of the round left.

        Raises:
            ValueError: it is not finished: the steps are not done in their order.
        """
        found = self.result(kind)
        if found is None:
            raise ValueError(f"step {kind.step!r} of round {self.round_id} is not finished")
        return found


def standing_rounds(ledger: Ledger) -> list[Round]:
    """Return the rounds that were not abandoned, in order."""
    return [this for this in ledger.rounds() if this.status != "abandoned"]


def asking_rounds(ledger: Ledger) -> list[Round]:
    """Return the rounds that count for the limits of a campaign: not abandoned, and people were asked in them."""
    learnt = rounds_that_learn(ledger)
    return [this for this in standing_rounds(ledger) if this.round_id not in learnt]


def settle(ledger: Ledger, this: Round) -> Verdict:
    """Withdraw what a round no longer waits for; returns what it waits for after that.

    Whoever looks first does it: the round's own step, or the server that people answer at.
    """
    return ledger.settle(this.round_id, this.settings.schedule, this.settings.annotator.lease_seconds)


def verdict_of(ledger: Ledger, this: Round) -> Verdict:
    """Return what a round waits for; nothing is changed."""
    return judge(this.settings.schedule, ledger.waiting(this.round_id), this.settings.annotator.lease_seconds)


def hashes_of(
    project: Project, paths: Mapping[int, str], known: Mapping[int, str] = MappingProxyType({})
) -> dict[str, str]:
    """Return what tells whether each video's file is still the one that was written.

    Args:
        known: hashes of files that were looked at just now, and are not read again.

    Returns:
        SHA-256 (64 hex digits) by video number as text, as a step's result keeps it.
    """
    files = {video: project.absolute(path) for video, path in paths.items()}
    return {str(video): known.get(video) or fingerprint_file(file) for video, file in files.items()}


def _tuples(value: Any) -> Any:
    """Return lists, which JSON makes, as tuples, which cannot be changed."""
    if isinstance(value, list | tuple):
        return tuple(_tuples(part) for part in value)
    return value


def _lists(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_lists(part) for part in value]
    return dict(value) if isinstance(value, Mapping) else value
