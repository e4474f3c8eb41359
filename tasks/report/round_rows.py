"""The figures of each round, from the ledger alone: one row that the page and the terminal both show."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from al_core.ledger.store import Ledger, Round, Step
from al_core.records import Provenance, QualityRow, whole_video
from tasks.auditing.round_estimates import RoundEstimates
from tasks.certificates.accepted_counts import Counts
from tasks.languages.phrases import heard, t
from tasks.report.formatting import awaited, many, score
from tasks.steps.context import Trained

_MACHINE = (Provenance.TEACHER.value, Provenance.PROPAGATED.value, Provenance.ACCEPTED.value)


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round in figures.

    Attributes:
        n_frames: of the videos that the round had.
        human_frames, human_seconds: from the first round up to this one; the time of imported labels is not known.
        covered: frames that have masks after the round, or a person's word that nothing is there; None while it has
            delivered nothing.
        frames_by: frames per provenance, each frame once, under its least trusted mask.
        masks_by: delivered masks (object-frames) per provenance.
        jf, ap50: mean over the videos that have truth; None without any.
        seconds_train, seconds_predict: None while the step is not finished.
        seconds_other: of all steps but training and prediction; waiting for people is not in it.
        state: why the campaign ended here, "finished", "abandoned", or what the round waits for.
        delivered_at: when its masks were there, UTC without zone; None before.
        imported: how many of the human frames were labelled elsewhere.
        kept: why no student was trained; empty where one was.
        estimated: what its audit says of its delivery; None without one.
        learned: what its student learned from, where that was not labelled frames alone; else empty.
    """

    round_id: int
    n_frames: int
    requested: int
    answered: int
    human_frames: int
    human_seconds: float
    covered: int | None
    frames_by: dict[str, int]
    masks_by: dict[str, int]
    jf: float | None
    ap50: float | None
    seconds_train: float | None
    seconds_predict: float | None
    seconds_other: float
    state: str
    delivered_at: datetime | None = None
    imported: int = 0
    kept: str = ""
    estimated: RoundEstimates | None = None
    learned: str = ""

    @property
    def coverage(self) -> float | None:
        """Return the share of all frames that have masks, whether these are right or not, in [0, 1]."""
        return None if self.covered is None or not self.n_frames else self.covered / self.n_frames


def round_rows(
    ledger: Ledger, estimates: Iterable[RoundEstimates] = (), counts: Mapping[int, Counts] | None = None
) -> list[RoundRow]:
    """Return one row per round, in order.

    Args:
        estimates: of rounds that were audited.
        counts: of rounds whose masks were accepted after they were delivered.
    """
    by_round = {each.round_id: each for each in estimates}
    with ledger.held():
        quality, steps, coverage = ledger.quality(), ledger.steps(), ledger.coverage()
        rounds = {r.round_id: r for r in ledger.rounds()}
    for entry in coverage:
        entry["delivered"] = (counts or {}).get(entry["round_id"], entry["delivered"])
    return [
        _row(
            entry,
            rounds[entry["round_id"]],
            [s for s in steps if s.round_id == entry["round_id"]],
            [q for q in quality if q.round_id == entry["round_id"]],
            by_round.get(entry["round_id"]),
        )
        for entry in coverage
    ]


def quality_by_video(rows: Iterable[QualityRow], metric: str) -> dict[int, float]:
    """Return a metric of whole videos, by video; of several rounds the last counts."""
    return {q.video_id: q.value for q in whole_video(rows, metric)}


def mean_quality(rows: Iterable[QualityRow], metric: str) -> float | None:
    """Return the mean of a metric over whole videos, each weighing the same; None without any."""
    values = quality_by_video(rows, metric).values()
    return sum(values) / len(values) if values else None


@dataclass(frozen=True, slots=True)
class HeldOutQuality:
    """What a round reached on held-out frames that people labelled.

    Attributes:
        jf: mean J&F over the videos that have such frames, in [0, 1].
        n_frames: how many frames.
    """

    round_id: int
    jf: float
    n_frames: int

    def in_words(self) -> str:
        """Return the figure as a sentence."""
        where = many(self.n_frames, "held-out human frame")
        return f"On {where}: J&F {score(self.jf)} after round {self.round_id}."


def held_out_quality(rows: Iterable[QualityRow]) -> HeldOutQuality | None:
    """Return the figure of the newest round that was measured on held-out frames; None without any.

    Args:
        rows: figures by held-out labels.
    """
    whole = whole_video(rows, "jf")
    if not whole:
        return None
    mine = [row for row in whole if row.round_id == whole[-1].round_id]
    return HeldOutQuality(mine[0].round_id, sum(q.value for q in mine) / len(mine), sum(q.n_frames for q in mine))


def frames_by_provenance(delivered: Mapping[str, tuple[int, int]], covered: int, human_frames: int) -> dict[str, int]:
    """Split the labelled frames by provenance, each frame once, under the least trusted of its masks.

    The ledger counts per provenance the frames that hold such a mask, and a frame may hold masks of several.
    A frame with a teacher's mask counts as teacher; of the others one with a propagated mask counts as
    propagated.

    Args:
        delivered: provenance -> (frames with such a mask, masks).
        covered: labelled frames, each once.
        human_frames: labelled by people, empty ones included.
    """
    split = {Provenance.HUMAN.value: min(human_frames, covered)}
    left = covered - split[Provenance.HUMAN.value]
    for name in _MACHINE:
        split[name] = min(delivered.get(name, (0, 0))[0], left)
        left -= split[name]
    # What is left was delivered as people's, and their answer was taken back since.
    split[Provenance.HUMAN.value] += left
    return split


def _row(
    entry: Mapping[str, Any],
    this: Round,
    steps: Sequence[Step],
    quality: Sequence[QualityRow],
    estimated: RoundEstimates | None,
) -> RoundRow:
    delivered: dict[str, tuple[int, int]] = entry["delivered"]
    seconds = {s.name: s.seconds for s in steps if s.status == "finished"}
    done = "propagate" in seconds or bool(delivered)
    covered = entry["covered"] if done else None
    counts = ("round_id", "n_frames", "requested", "answered", "human_frames", "human_seconds", "imported")
    return RoundRow(
        **{name: entry[name] for name in counts},
        covered=covered,
        frames_by=frames_by_provenance(delivered, covered or 0, entry["human_frames"]) if done else {},
        masks_by={name: masks for name, (_, masks) in delivered.items()},
        jf=mean_quality(quality, "jf"),
        ap50=mean_quality(quality, "ap50"),
        seconds_train=seconds.get("train"),
        seconds_predict=seconds.get("predict"),
        seconds_other=sum(v for name, v in seconds.items() if name not in ("train", "predict")),
        state=_state(this, steps, entry["open"], entry["unapproved"]),
        delivered_at=next((s.finished_at for s in steps if s.name == "propagate"), None),
        kept=next((s.result.get("kept", "") for s in steps if s.name == "train" and s.status == "finished"), ""),
        estimated=estimated,
        learned=_learned(steps),
    )


def _learned(steps: Sequence[Step]) -> str:
    results = (Trained.from_json(s.result) for s in steps if s.name == Trained.step and s.status == "finished")
    trained = next(results, None)
    return trained.learned_from() if trained is not None and trained.unlabelled and not trained.kept else ""


def _state(this: Round, steps: Sequence[Step], unanswered: int, unapproved: int) -> str:
    if this.status == "finished":
        return heard(this.stop_reason) if this.stop_reason else t("finished")
    if this.status == "abandoned":
        return t("abandoned")
    unfinished = [s for s in steps if s.status != "finished"]
    if unfinished:
        return f"{t('failed' if unfinished[-1].error else 'in progress')}: {t(unfinished[-1].name)}"
    if unanswered or (unapproved and not any(s.name == "collect" for s in steps)):
        return t("waits for {what}", what=awaited(unanswered, unapproved))
    return t("in progress, done: {step}", step=t(steps[-1].name)) if steps else t("started")
