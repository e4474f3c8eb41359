"""Do certificates err as seldom as they say, and do intervals cover? Thousands of simulated audits, and a verdict.

python -m tests.bench.auditing.audit_coverage --campaigns 2000 --pool pool.npz --workers 8 --out coverage.json

What is done is written to the file at once, so that the same command goes on where it was stopped.

A campaign makes a delivery, draws its audit sample, lets people answer, and decides; nothing in it knows the truth.
Deliveries are made up, or, with ``--pool`` (from ``audit_pool``), put together of real masks and their confidences:
some of the clips, in one of the deliveries. A rate whose exact 95 % interval lies wholly above what was promised
FAILS, and the program ends with 1.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from al_core.audit.audit_records import AuditAnswer, AuditSample, Grade, JudgeQuality, Population, UnitKey
from al_core.audit.audit_sample import draw_sample
from al_core.audit.certifying import Claim, certify, certify_frames, risk_of_look
from al_core.audit.estimators import estimate
from al_core.audit.judging import judge_quality, share_interval

IOU = 0.75
RISK = 0.05
NOTICED, REFUSED = 0.85, 0.05
"""A judge who errs refuses this share of bad masks, and this share of good ones."""

CAREFUL, CARELESS = (0.98, 0.05), (0.6, 0.02)
"""What two judges who are unlike each other refuse of bad masks, and of good ones."""

Rng = np.random.Generator


class Made(Population):
    """A population without a name of its own: to hash it takes longer than to audit it."""

    digest = "made"


@dataclass(frozen=True, eq=False)
class Delivery:
    """What is delivered, each mask's overlap with the truth, and how many objects each frame lacks."""

    population: Population
    overlap: NDArray[np.float64]
    missed: NDArray[np.int64]

    def answers(self, samples: Sequence[AuditSample], rng: Rng, noticed: float = 1.0, refused: float = 0.0) -> dict:
        """What people say of some samples; judges who err do so mask by mask."""
        said: dict[UnitKey, AuditAnswer] = {}
        units = [unit for sample in samples for unit in sample.units]
        for unit, row in zip(units, self.population.rows_of(units).tolist(), strict=True):
            key = unit.key
            name = f"{key.video_id}-{row}"
            if unit.whole_frame:
                said[key] = AuditAnswer(key, "ann", name, missed=int(self.missed[row]))
            elif unit.grade is Grade.MEASURED:
                overlap = float(self.overlap[row])
                said[key] = AuditAnswer(key, "ann", name, j=overlap, f=overlap)
            else:
                bad = self.overlap[row] < IOU
                good = rng.random() >= noticed if bad else rng.random() >= refused
                said[key] = AuditAnswer(key, "ann", name, good=bool(good))
        return said


def made_up(rng: Rng, videos: int = 12, frames: int = 150, share: float = 0.12) -> Delivery:
    """Videos of different difficulty; in each frame a mask, whose confidence knows something of its error."""
    video, frame = np.repeat(np.arange(1, videos + 1), frames), np.tile(np.arange(frames), videos)
    n = len(video)
    hard = np.repeat(rng.normal(0, 1, videos), frames) + rng.normal(0, 1, n)
    bad = hard > np.quantile(hard, 1 - share)
    overlap = np.where(bad, rng.uniform(0, IOU, n), rng.uniform(IOU, 1, n))
    confidence = 1 / (1 + np.exp(hard - 2 + rng.normal(0, 0.8, n)))
    lacking = rng.random(n) < 0.04
    provenance = np.where(rng.random(n) < 0.3, "teacher", "propagated")
    one = np.ones(n, np.int64)
    return Delivery(
        Made(1, video, frame, one, one, provenance, confidence, video, frame, 3),
        overlap,
        np.where(lacking, rng.integers(1, 3, n), 0),
    )


def of_pool(pool: dict[str, NDArray[Any]], rng: Rng) -> Delivery:
    """Seven of the real clips as one of the deliveries left them."""
    masks, frames = pool["masks"], pool["frames"]
    which = rng.integers(int(frames[:, 0].max()) + 1)
    clips = rng.choice(np.unique(frames[:, 1]), 7, replace=False)
    masks = masks[(masks[:, 0] == which) & np.isin(masks[:, 1], clips)]
    frames = frames[(frames[:, 0] == which) & np.isin(frames[:, 1], clips)]
    video, frame, track = (masks[:, column].astype(np.int64) for column in (1, 2, 3))
    provenance, one = np.full(len(masks), "propagated"), np.ones(len(masks), np.int64)
    population = Made(1, video, frame, track, one, provenance, masks[:, 4], frames[:, 1], frames[:, 2], 2)
    return Delivery(population, masks[:, 5], frames[:, 3])


def worthless(made: Delivery, rng: Rng) -> Delivery:
    """The same masks with their confidences dealt out anew."""
    shuffled = rng.permutation(made.population.confidence)
    return replace(made, population=replace(made.population, confidence=shuffled))


def just_bad(made: Delivery, rng: Rng, error: float) -> Delivery:
    """Confidence is worthless, and a few more masks are bad than the claim allows: the hardest case of all."""
    n = len(made.population)
    bad = np.zeros(n, bool)
    bad[rng.choice(n, int(error * n) + 1, replace=False)] = True
    return worthless(replace(made, overlap=np.where(bad, 0.2, 0.9)), rng)


def in_bursts(made: Delivery, rng: Rng, error: float) -> Delivery:
    """As ``just_bad``, with all that is bad in one stretch, and the highest confidence at random over stretches."""
    n = len(made.population)
    start = rng.integers(n)
    bad = (np.arange(n) - start) % n <= int(error * n)
    blocks = rng.random(n // 25 + 1)[np.arange(n) // 25]
    confidence = np.clip(blocks + rng.normal(0, 0.01, n), 0, 1)
    population = replace(made.population, confidence=confidence)
    return replace(made, population=population, overlap=np.where(bad, 0.2, 0.9))


def with_empty_frames(made: Delivery, rng: Rng) -> Delivery:
    """A third of the frames hold no mask."""
    keep = rng.random(len(made.population)) > 1 / 3
    p = made.population
    columns = {name: getattr(p, name)[keep] for name in ("video_id", "frame_idx", "track_id", "category_id")}
    rest = {"provenance": p.provenance[keep], "confidence": p.confidence[keep]}
    return replace(made, population=replace(p, **columns, **rest), overlap=made.overlap[keep])


def certified(made: Delivery, error: float, n: int, rng: Rng, risk: float = RISK, judges: bool = False) -> dict:
    """One certificate: whether it is wrong, and what share it accepts, beside what could be."""
    seed = int(rng.integers(2**31))
    sample = draw_sample(made.population, seed=seed, judged=n, blind=0, frames=0, iou=IOU)
    quality = (known_judges(rng),) if judges else None
    said = made.answers([sample], rng, *((NOTICED, REFUSED) if judges else ()))
    claim = Claim(IOU, error, risk, Grade.JUDGED, judges=quality)
    found = certify(made.population, [sample], said, claim).accepted
    return told_of(made, error, found[0].confidence if found else None)


def told_of(made: Delivery, error: float, threshold: float | None) -> dict:
    """Whether accepting masks from a threshold on is wrong (None: nothing is accepted), beside what could be."""
    bad = made.overlap < IOU
    order = np.argsort(-made.population.confidence, kind="stable")
    could = np.flatnonzero(np.cumsum(bad[order]) <= error * np.arange(1, len(bad) + 1))
    oracle = (could.max() + 1) / len(bad) if len(could) else 0.0
    if threshold is None:
        return {"wrong": False, "accepted": 0.0, "oracle": oracle}
    accepted = made.population.confidence >= threshold
    return {"wrong": bool(bad[accepted].mean() > error), "accepted": float(accepted.mean()), "oracle": oracle}


def known_judges(
    rng: Rng, bad: int = 60, good: int = 60, noticed: float = NOTICED, refused: float = REFUSED
) -> JudgeQuality:
    """What is known of a judge who errs, by masks that were drawn blind too."""
    answers = []
    for track in range(1, bad + good + 1):
        is_bad = track <= bad
        blind, judged = (UnitKey(1, 0, track, grade) for grade in (Grade.MEASURED, Grade.JUDGED))
        said = rng.random() >= (noticed if is_bad else refused)
        answers += [
            AuditAnswer(blind, "eve", "", j=0.2 if is_bad else 0.9),
            AuditAnswer(judged, "ann", "", good=bool(said)),
        ]
    return replace(judge_quality(answers, IOU)[0], judged=1)


def unlike_judges(made: Delivery, error: float, n: int, rng: Rng) -> dict:
    """A careful judge, who is measured often and judges a fourth, and a careless one, who is measured seldom."""
    sample = draw_sample(made.population, seed=int(rng.integers(2**31)), judged=n, blind=0, frames=0, iou=IOU)
    by = [each.answers([sample], rng, *care) for each, care in ((made, CAREFUL), (made, CARELESS))]
    careless = dict(zip(by[0], rng.permutation(len(by[0])) >= len(by[0]) // 4, strict=True))
    said = {key: by[int(careless[key])][key] for key in by[0]}
    judged = int(sum(careless.values()))
    judges = (
        replace(known_judges(rng, 90, 90, *CAREFUL), person="ann", judged=len(said) - judged),
        replace(known_judges(rng, 30, 30, *CARELESS), person="bob", judged=judged),
    )
    found = certify(made.population, [sample], said, Claim(IOU, error, RISK, Grade.JUDGED, judges=judges)).accepted
    return told_of(made, error, found[0].confidence if found else None)


def three_in_a_row(deliver: Callable[[Rng], Delivery], error: float, n: int, rng: Rng) -> dict:
    """Three certificates of three deliveries, which share the risk; wrong where any of them is."""
    each = [certified(deliver(rng), error, n, rng, risk_of_look(k, 1 - RISK)) for k in (1, 2, 3)]
    means = {name: float(np.mean([one[name] for one in each])) for name in ("accepted", "oracle")}
    return {"wrong": any(one["wrong"] for one in each), **means}


def frames_certified(made: Delivery, error: float, n: int, rng: Rng) -> dict:
    """A certificate of frames of which a few more lack an object than it allows."""
    m = made.population.n_frames
    missed = np.zeros(m, np.int64)
    missed[rng.choice(m, int(error * m) + 1, replace=False)] = 1
    made = replace(made, missed=missed)
    sample = draw_sample(made.population, seed=int(rng.integers(2**31)), judged=0, blind=0, frames=n)
    found = certify_frames(made.population, [sample], made.answers([sample], rng), error, RISK).accepted
    return {"wrong": bool(found), "accepted": float(bool(found)), "oracle": 0.0}


Case = Callable[[Callable[[Rng], Delivery], float, Rng], dict]

CASES: dict[str, Case] = {
    "as it is": lambda make, error, rng: certified(make(rng), error, 160, rng),
    "judges err, corrected": lambda make, error, rng: certified(make(rng), error, 160, rng, judges=True),
    "worthless confidence": lambda make, error, rng: certified(worthless(make(rng), rng), error, 160, rng),
    "worthless, just bad": lambda make, error, rng: certified(just_bad(make(rng), rng, error), error, 160, rng),
    "just bad, judges err": lambda make, error, rng: certified(
        just_bad(make(rng), rng, error), error, 160, rng, judges=True
    ),
    "bursts, just bad": lambda make, error, rng: certified(in_bursts(make(rng), rng, error), error, 160, rng),
    "empty frames": lambda make, error, rng: certified(with_empty_frames(make(rng), rng), error, 160, rng),
    "three in a row": lambda make, error, rng: three_in_a_row(make, error, 160, rng),
    "three, just bad": lambda make, error, rng: three_in_a_row(
        lambda inner: just_bad(make(inner), inner, error), error, 160, rng
    ),
    "just bad, unlike judges": lambda make, error, rng: unlike_judges(just_bad(make(rng), rng, error), error, 320, rng),
    "unlike judges": lambda make, error, rng: unlike_judges(make(rng), error, 320, rng),
    "frames, just bad": lambda make, error, rng: frames_certified(make(rng), error, 120, rng),
}

FIGURES = {
    "j, 8 blind": ("j", Grade.MEASURED, {"judged": 0, "blind": 8, "frames": 0}),
    "j, 60 blind": ("j", Grade.MEASURED, {"judged": 0, "blind": 60, "frames": 0}),
    "good, 60 judged": ("good", Grade.JUDGED, {"judged": 60, "blind": 0, "frames": 0}),
    "good, 160 judged": ("good", Grade.JUDGED, {"judged": 160, "blind": 0, "frames": 0}),
    "missed, 20 frames": ("missed", Grade.JUDGED, {"judged": 0, "blind": 0, "frames": 20}),
    "missed, 60 frames": ("missed", Grade.JUDGED, {"judged": 0, "blind": 0, "frames": 60}),
}


def estimated(name: str, make: Callable[[Rng], Delivery], confidence: str, rng: Rng) -> dict:
    """One estimate with the help of confidence and one without, beside the truth; "bias" is its error."""
    metric, grade, drawn = FIGURES[name]
    made = make(rng)
    made = worthless(made, rng) if confidence == "worthless" else made
    sample = draw_sample(made.population, seed=int(rng.integers(2**31)), **drawn)
    said = made.answers([sample], rng)
    truth = {"j": made.overlap.mean(), "good": (made.overlap >= IOU).mean(), "missed": 100 * made.missed.mean()}[metric]
    told = {}
    for how, assisted in (("", True), ("plain ", False)):
        one = estimate(made.population, [sample], said, metric, grade=grade, iou=IOU, assisted=assisted)
        told |= {
            f"{how}bias": one.value - truth,
            f"{how}missed": not one.low <= truth <= one.high,
            f"{how}width": one.high - one.low,
        }
    return told


Job = tuple[str, str, str, float, int, int]
"""What, case, deliveries, error, first seed, how many campaigns."""

Sums = dict[str, float]
"""Sums over campaigns of all that was told of each, and "campaigns"."""


def run(job: Job, pool: Path | None) -> tuple[Job, Sums]:
    """All campaigns of one job."""
    what, name, source, error, first, count = job
    masks = dict(np.load(pool)) if source == "real" else {}
    make = partial(of_pool, masks) if source == "real" else made_up
    found: Sums = {"campaigns": count}
    for seed in range(first, first + count):
        rng = np.random.default_rng([seed, sum(map(ord, what + name + source)), int(1000 * error)])
        one = CASES[name](make, error, rng) if what == "certificate" else estimated(name, make, what, rng)
        found |= {key: found.get(key, 0.0) + float(value) for key, value in one.items()}
    return job, found


def jobs_of(campaigns: int, sources: Sequence[str], errors: Sequence[float], chunk: int = 50) -> list[Job]:
    """Everything that is to be run, in pieces."""
    whole = [("certificate", name, source, error) for name in CASES for source in sources for error in errors]
    whole += [
        (worth, name, source, 0.0) for worth in ("as it is", "worthless") for name in FIGURES for source in sources
    ]
    return [(*job, first, min(chunk, campaigns - first)) for first in range(0, campaigns, chunk) for job in whole]


def summary(found: dict[Job, Sums]) -> list[dict]:
    """One row a case: rates with their exact 95 % intervals, means, and whether what was promised is kept."""
    cases: dict[tuple, Sums] = {}
    for job, sums in found.items():
        mine = cases.setdefault(job[:4], {})
        mine |= {key: mine.get(key, 0.0) + value for key, value in sums.items()}
    rows = []
    for (what, name, source, error), sums in cases.items():
        n, wrong = int(sums["campaigns"]), "wrong" if what == "certificate" else "missed"
        row = {"what": what, "case": name, "deliveries": source, "error": error, "campaigns": n}
        for key in (k for k in sums if k.endswith(wrong)):
            low, high = share_interval(int(sums[key]), n)
            row |= {key: sums[key] / n, f"{key} from": low, f"{key} to": high}
        row |= {k: v / n for k, v in sums.items() if k != "campaigns" and not k.endswith(wrong)}
        row["fails"] = row[f"{wrong} from"] > RISK
        rows.append(row)
    return rows


def table_of(rows: Sequence[dict]) -> Table:
    """All rows for the terminal."""
    head = ("what", "case", "deliveries", "error", "n", "wrong | missed", "95%", "accepted | width", "oracle | plain")
    table = Table(*head, "bias", "verdict")
    for row in rows:
        rate = "wrong" if row["what"] == "certificate" else "missed"
        first, second = ("accepted", "oracle") if rate == "wrong" else ("width", "plain width")
        table.add_row(
            *(row["what"], row["case"], row["deliveries"], f"{row['error']:g}", str(row["campaigns"])),
            *(f"{row[rate]:.3f}", f"{row[f'{rate} from']:.3f} to {row[f'{rate} to']:.3f}"),
            *(f"{row[first]:.3f}", f"{row[second]:.3f}", f"{row['bias']:.4f}" if rate == "missed" else ""),
            "FAILS" if row["fails"] else "keeps",
            style="red" if row["fails"] else None,
        )
    return table


@click.command()
@click.option("--campaigns", default=2000, show_default=True, type=click.IntRange(1))
@click.option("--errors", default="0.05,0.1", show_default=True)
@click.option("--pool", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Of real masks.")
@click.option("--only", help="Part of the name of a case.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write each piece here at once.")
def main(campaigns: int, errors: str, pool: Path | None, only: str | None, workers: int, out: Path | None) -> None:
    """Run all campaigns, print the table, and fail where a promise is not kept."""
    sources = ("made up", "real") if pool else ("made up",)
    jobs = jobs_of(campaigns, sources, [float(e) for e in errors.split(",")])
    jobs = [job for job in jobs if only is None or only in job[1]]
    found = {} if out is None else done_before(out)
    ahead = [job for job in jobs if job not in found]
    with ProcessPoolExecutor(workers) as pool_of_workers, open(out or os.devnull, "a", encoding="utf-8") as file:
        for job, sums in pool_of_workers.map(partial(run, pool=pool), ahead):
            found[job] = sums
            file.write("\n" + json.dumps([job, sums]))
            file.flush()
    rows = summary({job: found[job] for job in jobs})
    Console(width=150).print(table_of(rows))
    sys.exit(any(row["fails"] for row in rows))


def done_before(file: Path) -> dict[Job, Sums]:
    """The jobs that a file has, a line each; the last line may have been cut off."""
    found: dict[Job, Sums] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        with contextlib.suppress(ValueError):
            job, sums = json.loads(line)
            found[tuple(job)] = sums
    return found


if __name__ == "__main__":
    main()
