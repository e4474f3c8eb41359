"""fewframes from Python: open a project, take footage in, run rounds, and have what came of it as tables and arrays.

    import fewframes

    project = fewframes.Project("work")
    project.ingest(["footage"], category=["dog"])
    project.run(rounds=1, changes={"annotator.backend": "simulated"})
    project.quality().to_pandas()

Nothing heavy is loaded before it is needed. What goes wrong is a :class:`FewframesError`, whose message is one line.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from al_core.errors import BadSettings, FewframesError, NotReady

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from al_core.export.contents import ExportOptions, ExportReport
    from al_core.ledger.store import Ledger
    from al_core.records import Progress, Video
    from al_core.selection import Strategy
    from al_core.settings import Settings
    from tasks.imports.import_plan import ImportPlan
    from tasks.processes.round_outcome import RoundOutcome
    from tasks.project.ingest import IngestReport

__all__ = ["FewframesError", "Project"]

Paths = Sequence[str | Path]


class Project:
    """A project in a folder, which is made when footage is taken in.

    Other programs may work on it at the same time, ``fewframes serve`` among them; rounds are run by one process.

    Args:
        root: its folder.
        cache: a folder for decoded frames and flow that several projects may share.
    """

    def __init__(self, root: str | Path, cache: str | Path | None = None) -> None:
        from al_core.project import Project as Place

        self._place = Place.at(root, cache)

    def __repr__(self) -> str:
        return f"fewframes.Project({str(self.root)!r})"

    @property
    def root(self) -> Path:
        """Its folder, absolute."""
        return self._place.root

    def ingest(
        self,
        paths: Paths,
        masks: str | Path | None = None,
        category: str | Sequence[str] = (),
        identities: str = "persistent",
        on_progress: "Callable[[Progress], None] | None" = None,
    ) -> "IngestReport":
        """Take in video files, folders of frames and DAVIS-layout folders; what is known already stays as it is.

        Args:
            masks: folder of index masks for a folder of frames. Masks that come with the frames are held back: they
                answer for the simulated annotator and measure quality.
            category: what is to be labelled in these videos, the most frequent first.
            identities: "persistent" where an object keeps its number from frame to frame in the masks, or "per_frame".

        Raises:
            FewframesError: one of them cannot be taken in; the others are.
        """
        from al_core.errors import BadVideo
        from al_core.records import Identities
        from tasks.ledger.client import open_ledger
        from tasks.project.ingest import ingest_paths

        report = ingest_paths(
            open_ledger(self._place),
            [Path(path) for path in paths],
            identities=Identities(identities),
            categories=(category,) if isinstance(category, str) else tuple(category),
            masks=None if masks is None else Path(masks),
            on_progress=on_progress,
        )
        if report.failed:
            raise BadVideo("; ".join(entry.describe() for entry in report.failed))
        return report

    def import_labels(
        self,
        files: Paths,
        purpose: str = "labels",
        author: str = "import",
        renamed: Mapping[str, str] | None = None,
        category: str = "",
        match: str | None = None,
        partial: bool = False,
    ) -> "ImportPlan":
        """Take in labels that were made elsewhere: COCO, YOLO, DAVIS, MOTS, YouTube-VIS, CVAT, Label Studio.

        The same files again change nothing.

        Args:
            purpose: "labels" to learn from, "holdout" only to measure, "prelabels" to correct.
            renamed: what categories of the files are called here.
            category: of objects whose file names none.
            match: how files name frames, e.g. ``"{video}/frame_{number}.jpg"``.
            partial: take what can be taken, where something cannot.

        Returns:
            What was stored, and what was not and why.

        Raises:
            BadLabel: something cannot be taken; nothing was stored then.
        """
        from al_core.errors import BadLabel
        from al_core.exchange.frame_names import Template
        from al_core.settings import Table
        from tasks.imports.import_plan import PURPOSES, Wish
        from tasks.imports.storing import plan_files, store

        ledger = self._opened()
        meant = PURPOSES[Table("purpose of labels", PURPOSES).check(purpose)]
        wish = Wish(meant, author, renamed or {}, category)
        plan = plan_files(ledger, [Path(file) for file in files], wish, Template(match) if match else None)
        if plan.faults and not partial:
            raise BadLabel(
                f"{len(plan.faults)} things cannot be taken, so nothing was stored, first: {plan.faults[0]}; mend "
                "them, or take the rest with partial=True"
            )
        store(ledger, plan)
        return plan

    def settings(self) -> "Settings":
        """Return what the next round begins with where nobody asks for anything else."""
        from tasks.project.run_settings import settings_in_force

        return settings_in_force(self._opened())

    def run(
        self,
        rounds: int | None = None,
        budget: int | None = None,
        settings: str | Path | None = None,
        changes: Mapping[str, Any] | None = None,
        strategy: "str | Strategy | None" = None,
        student: str | Path | None = None,
        on_round: "Callable[[RoundOutcome], None] | None" = None,
    ) -> "RoundOutcome":
        """Run rounds until a stopping rule ends the campaign, or until people have to answer.

        The same call goes on where the last one stopped, however that ended.

        Args:
            rounds, budget: stop after so many rounds, or human frames, of the whole campaign.
            settings: a preset or a TOML file; without, what the last round ran with.
            changes: settings by dotted name, e.g. ``{"selection.frames_per_round": 20}``.
            strategy: a name, or a function of your own (see docs/plugins.md) that can be imported again.
            student: one that is ready, or an mmdet config.
            on_round: hears of each round that finishes.

        Raises:
            BadSettings: they cannot work; nothing is stored then.
            NotReady: there is no footage. RunLocked: another process runs the rounds.
        """
        from flows.campaign import run_campaign
        from tasks.preflight import check, rehearse
        from tasks.processes.campaign_end import campaign_over
        from tasks.processes.project_log import RUN_LOG, logging_to
        from tasks.processes.round_outcome import still_waits
        from tasks.processes.run_lock import only_run
        from tasks.processes.surroundings import user_name
        from tasks.project.round_control import ask_for
        from tasks.project.run_settings import settings_for_run
        from tasks.scheduling.prefect_server import prefect_server

        asked = dict(changes or {})
        limits = {"stopping.max_rounds": rounds, "stopping.max_human_frames": budget}
        names = {"selection.strategy": _named(strategy), "student.config": None if student is None else str(student)}
        asked |= {name: value for name, value in {**limits, **names}.items() if value is not None}
        ledger, preset = self._opened(), None if settings is None else str(settings)
        if not ledger.pool_lengths():
            raise NotReady(f"{self.root} has no footage that may be asked for; take some in with ingest()")
        wanted = settings_for_run(self._place, preset, asked)
        check(wanted, self._place)
        if asked or preset:
            rehearse(self._place, ledger, wanted)
            ask_for(self._place, wanted, user_name())
        with only_run(self.root):
            rests = still_waits(self._place) or campaign_over(self._place, wanted)
            if rests is not None:
                return rests
            with logging_to(self.root / RUN_LOG), prefect_server(self._place.prefect_home):
                return run_campaign(self._place, wanted, on_round)

    def videos(self) -> "pa.Table":
        """Return a row for each video: video, frames, height, width, frames_per_second, excluded, footage."""
        ledger = self._opened()
        with ledger.held():
            videos, excluded = ledger.videos(), ledger.excluded_videos()
        return _table(
            ((v.name, v.n_frames, v.height, v.width, float(v.fps), v.video_id in excluded, v.uri) for v in videos),
            **{"video": "string", "frames": "int64", "height": "int64", "width": "int64"},
            **{"frames_per_second": "double", "excluded": "bool", "footage": "string"},
        )

    def coverage(self) -> "pa.Table":
        """Return a row for each round: what people did, what has masks, what that reached, and how long it took.

        Columns: round, state, frames, human_frames, human_seconds, covered (frames that are labelled after it),
        coverage (their share, in [0, 1]), jf, ap50 (against truth that the loop has not seen; null without),
        seconds_train, seconds_predict, seconds_other.
        """
        from tasks.report.round_rows import round_rows

        counts = {"human_frames": "int64", "human_seconds": "double", "covered": "int64", "coverage": "double"}
        figures = dict.fromkeys(("jf", "ap50", "seconds_train", "seconds_predict", "seconds_other"), "double")
        same = counts | figures
        rows = round_rows(self._opened())
        return _table(
            ((row.round_id, row.state, row.n_frames, *(getattr(row, name) for name in same)) for row in rows),
            **{"round": "int64", "state": "string", "frames": "int64"} | same,
        )

    def quality(self, round: int | None = None) -> "pa.Table":
        """Return the measured figures of one round or of all, against truth that the loop has not seen.

        Columns: round, video, track (null for the whole video), provenance, metric ("j", "f", "jf", "ap", ...), value
        (in [0, 1]; a count for "switches"), frames (that were measured).
        """
        ledger = self._opened()
        with ledger.held():
            names = {video.video_id: video.name for video in ledger.videos()}
            rows = ledger.quality(round)
        return _table(
            ((q.round_id, names[q.video_id], q.track_id, q.provenance, q.metric, q.value, q.n_frames) for q in rows),
            **{"round": "int64", "video": "string", "track": "int64", "provenance": "string", "metric": "string"},
            **{"value": "double", "frames": "int64"},
        )

    def selected(self, round: int | None = None) -> "pa.Table":
        """Return the frames that a round, or the newest one, asked for: round, video, frame, rank, score, kind, and the
        reason in a sentence."""
        ledger = self._opened()
        with ledger.held():
            number = round or self._newest(ledger)
            names = {video.video_id: video.name for video in ledger.videos()}
            rows = ledger.selection(number)
        refs = [(names[row.frame.video_id], row.frame.frame_idx) for row in rows]
        return _table(
            ((number, *ref, s.rank, s.score, str(s.kind), s.reason) for ref, s in zip(refs, rows, strict=True)),
            **{"round": "int64", "video": "string", "frame": "int64", "rank": "int64", "score": "double"},
            **{"kind": "string", "reason": "string"},
        )

    def predictions(self, round: int | None = None) -> "pa.Table":
        """Return what the teachers of a round, or of the newest one, said of each frame: video, frame, objects,
        uncertainty, and its components, all in [0, 1] but the number of objects."""
        import pyarrow as pa

        ledger = self._opened()
        with ledger.held():
            names = {video.video_id: video.name for video in ledger.videos()}
            columns = ledger.predictions(round or self._newest(ledger))
        videos = pa.array([names[int(video)] for video in columns.pop("video_id")], pa.string())
        renamed = {"frame_idx": "frame", "n_objects": "objects"}
        return pa.table({"video": videos} | {renamed.get(name, name): values for name, values in columns.items()})

    def masks(self, video: str | None = None, round: int | None = None) -> "pa.Table":
        """Return the delivered masks of one video or of all, as a round, or the newest one, delivered them.

        Columns: video, frame, track, category, provenance, confidence (in [0, 1]), height, width, counts (run lengths
        as pycocotools reads them).
        """
        ledger = self._opened()
        categories = ledger.categories()
        found = (
            (of.name, frame, m.track_id, categories[m.category_id], str(m.provenance), m.confidence, m.rle)
            for of, frame, masks in self._delivered(ledger, video, round)
            for m in masks
        )
        return _table(
            ((*row, rle.height, rle.width, rle.counts) for *row, rle in found),
            **{"video": "string", "frame": "int64", "track": "int64", "category": "string", "provenance": "string"},
            **{"confidence": "double", "height": "int64", "width": "int64", "counts": "string"},
        )

    def mask_arrays(self, video: str, round: int | None = None) -> "Iterator[tuple[int, dict[int, NDArray[np.bool_]]]]":
        """Yield the delivered masks of a video: (frame, {track: bool [height, width]}), in order of frames; frames
        without masks are left out."""
        from al_core.masks.rle import decode

        for _, frame, masks in self._delivered(self._opened(), video, round):
            yield frame, {mask.track_id: decode(mask.rle) for mask in masks}

    def export(
        self,
        format: str,
        out: str | Path,
        options: "ExportOptions | None" = None,
        round: int | None = None,
        videos: Sequence[str] | None = None,
    ) -> "ExportReport":
        """Write the labelled videos in a format that other tools read, one of ours or of a plug-in.

        Raises:
            UnknownName: no such format, video or round. NotReady: nothing was delivered yet.
            OutputExists: ``out`` is there and must not be replaced (``options.overwrite``).
        """
        from tasks.project.export import Choice, export_project
        from tasks.project.ingest import open_last_frames

        ledger = self._opened()
        frames = open_last_frames(self._place, ledger)
        return export_project(self._place, ledger, frames, format, Path(out), options, Choice(round, videos))

    def _opened(self) -> "Ledger":
        from tasks.ledger.client import open_ledger

        if not self._place.ledger_path.is_file():
            raise NotReady(f"{self.root} holds no project yet; begin with ingest()")
        return open_ledger(self._place)

    def _newest(self, ledger: "Ledger") -> int:
        last = ledger.last_round()
        if last is None:
            raise NotReady(f"{self.root} has no rounds yet; begin with run()")
        return last.round_id

    def _delivered(
        self, ledger: "Ledger", video: str | None, round: int | None
    ) -> "Iterator[tuple[Video, int, list[Any]]]":
        from al_core.stores.delivered import read_delivered

        with ledger.held():
            number = round or ledger.last_delivered_round()
            if number is None:
                raise NotReady(f"{self.root} has no delivered masks yet; run a round")
            paths = ledger.delivered_paths(number)
            wanted = ledger.videos() if video is None else [ledger.video(video)]
        for found in wanted:
            if found.video_id in paths:
                for frame, masks in read_delivered(self._place.absolute(paths[found.video_id])):
                    yield found, frame, masks


def _named(strategy: "str | Strategy | None") -> str | None:
    """Return the name under which a strategy is found again."""
    if strategy is None or isinstance(strategy, str):
        return strategy
    module, name = getattr(strategy, "__module__", ""), getattr(strategy, "__qualname__", "")
    if not module or not name.isidentifier():
        raise BadSettings(
            f"strategy: expected a name or a function of a module, got {strategy!r}; define it at the top"
        )
    return f"{module}:{name}"


def _table(rows: "Iterator[tuple[Any, ...]]", **columns: str) -> "pa.Table":
    """Return rows as a table.

    Args:
        columns: Arrow's name of the type of each, in the order of a row's values.
    """
    import pyarrow as pa

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns.items()])
    return pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows], schema)
