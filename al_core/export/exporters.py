"""Write labelled videos in any of the formats."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from al_core.export import FORMATS, WITH_SCANS
from al_core.export.contents import (
    CERTIFICATES,
    ExportClip,
    ExportOptions,
    ExportReport,
    OnProgress,
    Tally,
    replacing,
    write_manifest,
)
from al_core.settings import PluginTable


class Exporter(Protocol):
    """Writes clips to ``out`` and counts into ``tally``.

    ``out`` does not exist yet. It has a suffix when the person asked for a single file.
    """

    def __call__(
        self,
        clips: Sequence[ExportClip],
        categories: Mapping[int, str],
        out: Path,
        options: ExportOptions,
        tally: Tally,
    ) -> None: ...


EXPORTERS: PluginTable[Exporter] = PluginTable("export format", FORMATS | WITH_SCANS, "fewframes.exporters")
"""The exporter of each format."""


def write_export(
    name: str,
    clips: Sequence[ExportClip],
    categories: Mapping[int, str],
    out: Path,
    options: ExportOptions | None = None,
    on_progress: OnProgress | None = None,
    notes: Sequence[str] = (),
) -> ExportReport:
    """Write labelled videos in one format.

    The output appears whole or not at all.

    Args:
        name: a key of :data:`EXPORTERS`.
        categories: names by id, of all clips.
        out: a folder; ``coco`` and ``youtube-vis`` also take a ``.json`` file (annotations without frames)
            and ``overlay-mp4`` a ``.mp4`` file (of a single video).
        notes: what the report says besides, of what does not go out.

    Raises:
        UnknownName: no such format.
        OutputExists: ``out`` is there and ``options.overwrite`` is not set, or is a folder that no export wrote.
    """
    options = options if options is not None else ExportOptions()
    write = EXPORTERS[name]
    tally = Tally(sum(clip.video.n_frames for clip in clips), on_progress)
    with replacing(out, options.overwrite) as temporary:
        write(clips, categories, temporary, options, tally)
        tally.videos = len(clips)
        if temporary.is_dir():
            tally.files += 1 + bool(options.certificates)
        report = tally.report(name, out, [*notes, *_vouched(options)])
        if temporary.is_dir():
            write_manifest(temporary, report, options, {clip.video.name: clip.round_id for clip in clips})
    return report


def _vouched(options: ExportOptions) -> list[str]:
    """Say which certificates go out with the masks that they accepted."""
    names = [str(certificate["certificate_id"]) for certificate in options.certificates]
    if not names:
        return []
    return [
        f"certified by {', '.join(names)} ({CERTIFICATES} beside the labels; the dashboard has a page of each, at "
        "dashboard/certificates)"
    ]
