"""What simulated campaigns have reached: one record per campaign and round, kept as JSON.

There are two kinds of figures. ``j``, ``f`` and ``jf`` are of the delivered masks on the frames that **no human
labelled**: what the machine adds. ``jf_all`` and ``good_share`` are over **all** frames, human ones as they were
labelled: what a user gets. The first kind can gain by labelling the hardest frames, which are then no longer
measured; the second cannot.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadRecords
from al_core.files import write_whole

GOOD = 0.85
"""A frame with at least this J&F needs no more work."""


@dataclass(frozen=True, slots=True)
class VideoFigures:
    """One video after a round; a figure is None where nothing was measured.

    Attributes:
        n_frames, human_frames: of this video; None where the record does not tell.
        j, f, jf: means over the frames that no human labelled, in [0, 1].
        jf_all: mean J&F over all frames, human ones as they were labelled.
        good_share: share of all frames with a J&F of at least ``GOOD``, human ones as they were labelled.
    """

    video: str
    n_frames: int | None = None
    human_frames: int | None = None
    j: float | None = None
    f: float | None = None
    jf: float | None = None
    jf_all: float | None = None
    good_share: float | None = None

    def __post_init__(self) -> None:
        for name in ("j", "f", "jf", "jf_all", "good_share"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise BadRecords(f"{self.video}: {name} is a share in [0, 1] or nothing, got {value}")

    @classmethod
    def of(
        cls, video: str, j: NDArray[np.floating], f: NDArray[np.floating], labelled: AbstractSet[int]
    ) -> "VideoFigures":
        """Summarise the quality of every frame.

        Args:
            j, f: of each frame as it is delivered, float [n]; NaN where there is no truth.
            labelled: frames that a human labelled.
        """
        j, f = np.asarray(j, float), np.asarray(f, float)
        both = (j + f) / 2
        known = np.isfinite(both)
        rest = known.copy()
        rest[sorted(labelled)] = False
        means = [_mean(values) for values in (j[rest], f[rest], both[rest], both[known], both[known] >= GOOD)]
        return cls(video, len(both), len(labelled), *means)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One campaign after one round: a point of its curve.

    Attributes:
        set_name: which set of footage, e.g. "single", "pool" or "long".
        campaign: which footage of the set; strategies and seeds are compared within it.
        kinds: what people are asked for: "mask", another kind of label, or "all".
        round: counted from 1.
        human_frames, human_seconds, compute_seconds: from the start of the campaign to the end of this round.
    """

    set_name: str
    campaign: str
    strategy: str
    kinds: str
    seed: int
    round: int
    human_frames: int
    human_seconds: float
    videos: tuple[VideoFigures, ...]
    compute_seconds: float = 0.0

    def __post_init__(self) -> None:
        if not self.videos:
            raise BadRecords(f"{self.campaign}, {self.strategy}: a record needs at least one video")
        if self.round < 1 or self.human_frames < 0 or self.human_seconds < 0:
            raise BadRecords(
                f"{self.campaign}, {self.strategy}: expected a round from 1 and effort from 0, got round "
                f"{self.round}, {self.human_frames} frames, {self.human_seconds} s"
            )

    @property
    def arm(self) -> str:
        """What is compared: the strategy, and the kinds of label where they are not plain masks."""
        return self.strategy if self.kinds == "mask" else f"{self.strategy}, {self.kinds}"

    @property
    def key(self) -> tuple[str, str, str, str, int, int]:
        """Tells a record from every other."""
        return self.set_name, self.campaign, self.strategy, self.kinds, self.seed, self.round


@dataclass(frozen=True, slots=True)
class SimulatedVideo:
    """One video of a pool after a round; figures as in :class:`SimulatedRound`."""

    video: str
    j: float | None = None
    f: float | None = None
    jf: float | None = None
    ap50: float | None = None


@dataclass(frozen=True, slots=True)
class SimulatedRound:
    """A finished round of a simulated project, as ``fewframes simulate`` writes it.

    Attributes:
        human_frames, human_seconds: from the start of the campaign to the end of this round.
        j, f, jf, ap50: means over the videos, of the delivered masks on frames that no human labelled; None without
            truth.
        seconds_train, seconds_predict, seconds_overhead: of this round alone.
        videos: the figures of each, where a campaign labels several.
    """

    sequence: str
    strategy: str
    seed: int
    round: int
    human_frames: int
    human_seconds: float
    j: float | None = None
    f: float | None = None
    jf: float | None = None
    ap50: float | None = None
    seconds_train: float = 0.0
    seconds_predict: float = 0.0
    seconds_overhead: float = 0.0
    videos: tuple[SimulatedVideo, ...] = ()


def write_rounds(records: Iterable[SimulatedRound], out: Path) -> None:
    """Write records of simulated projects as JSON; an older file is replaced whole or not at all."""
    plain = [{name: value for name, value in asdict(r).items() if (name, value) != ("videos", ())} for r in records]
    write_whole(out, json.dumps(plain, indent=1).encode())


def write_points(points: Iterable[CurvePoint], out: Path) -> None:
    """Write records as JSON; an older file is replaced whole or not at all."""
    write_whole(out, json.dumps([asdict(p) for p in points], indent=1, allow_nan=False).encode())


def read_points(path: Path) -> list[CurvePoint]:
    """Read records, also those that ``fewframes simulate`` writes.

    Raises:
        BadRecords: no such file, another content, or the same record twice.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadRecords(f"{path}: cannot be read ({error.strerror}); give the JSON file of a simulation") from None
    except ValueError as error:
        raise BadRecords(f"{path}: is no JSON ({error}); give the file that the simulation wrote") from None
    if not isinstance(content, list) or not content or not all(isinstance(record, dict) for record in content):
        raise BadRecords(f"{path}: expected a list of records, as a simulation writes it")
    points = points_of(content, str(path))
    check_distinct(points)
    return points


def points_of(records: Sequence[Mapping[str, Any]], where: str = "records") -> list[CurvePoint]:
    """Read records from plain values, those of the bench and those of a simulation.

    Raises:
        BadRecords: a record without a field that it needs, or with a wrong value.
    """
    points = []
    seconds: dict[tuple[str, str, int], float] = {}
    for number, record in enumerate(records):
        try:
            points.append(_point(record) if "set_name" in record else _simulated(record, seconds))
        except (KeyError, TypeError) as error:
            raise BadRecords(f"{where}: record {number} is not one of a simulation: {error}") from None
    return points


def check_distinct(points: Iterable[CurvePoint]) -> None:
    """Check that no round of a campaign occurs twice."""
    seen: set[tuple[str, str, str, str, int, int]] = set()
    for point in points:
        if point.key in seen:
            raise BadRecords(
                f"{point.set_name}, {point.campaign}, {point.arm}, seed {point.seed}: round {point.round} is there "
                "twice; give each file once"
            )
        seen.add(point.key)


def _point(record: Mapping[str, Any]) -> CurvePoint:
    return CurvePoint(**{**record, "videos": tuple(VideoFigures(**video) for video in record["videos"])})


def _simulated(record: Mapping[str, Any], seconds: dict[tuple[str, str, int], float]) -> CurvePoint:
    """Read a record of a simulated project: one sequence a campaign, or a pool; its seconds are of one round."""
    campaign = (record["sequence"], record["strategy"], record["seed"])
    spent = sum(record.get(f"seconds_{part}") or 0.0 for part in ("train", "predict", "overhead"))
    seconds[campaign] = seconds.get(campaign, 0.0) + spent
    effort = record["human_frames"], record["human_seconds"]
    pooled, (name, strategy, seed) = "videos" in record, campaign
    figures = ("j", "f", "jf", "jf_all", "good_share")
    videos = tuple(
        VideoFigures(v["video"], None, None if pooled else effort[0], **{figure: v.get(figure) for figure in figures})
        for v in (record["videos"] if pooled else [{**record, "video": name}])
    )
    set_name = "pool" if pooled else "single"
    return CurvePoint(set_name, name, strategy, "mask", seed, record["round"], *effort, videos, seconds[campaign])


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None
