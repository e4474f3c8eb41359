"""The page's section of videos: a card each, with its time line and its frames."""

from collections.abc import Sequence
from html import escape

from al_core.export.palette import PROVENANCE_COLOURS, UNLABELLED_COLOUR, track_colour
from al_core.records import ALL, QualityRow
from tasks.report.content import MAX_PICTURES, Content, Picture, VideoContent
from tasks.report.formatting import clock, duration, many, score
from tasks.report.pages.html import Charts, chip, empty, note, swatch
from tasks.report.timeline import MAX_POINTS

MAX_OBJECTS = 24


def videos(content: Content, charts: Charts) -> str:
    """A card per video that is shown, and a word on what is not."""
    if not content.videos:
        return empty("The project has no videos yet.")
    return note(_explained(content)) + "".join(_video(item, content, charts) for item in content.shown)


def one_video(content: Content, charts: Charts) -> str:
    """The card of the only video that was gathered."""
    (item,) = content.shown
    return note(_explained(content)) + _video(item, content, charts)


def _explained(content: Content) -> str:
    sentences = []
    if 1 < len(content.shown) < len(content.videos):
        count = f"{len(content.videos):,}"
        sentences.append(f"The {len(content.shown)} videos with the least certain frames are shown, of {count}.")
    if content.predicted_round is None:
        sentences.append("Nothing is predicted yet.")
    else:
        sentences.append(
            f"Uncertainty as predicted in round {content.predicted_round}, stacked by its parts, each with "
            "its weight; a click on a name in the legend hides it, dragging zooms, a double click zooms out."
        )
    sentences.append("Diamonds are the frames that were chosen, numbered by rank; hover over one to read why.")
    if any(item.video.n_frames > MAX_POINTS for item in content.shown):
        sentences.append(f"Long videos are thinned out to the least certain frame of each of {MAX_POINTS:,} stretches.")
    return " ".join(sentences)


def _video(item: VideoContent, content: Content, charts: Charts) -> str:
    chosen = ""
    if item.chosen and item.chosen[0].choice:
        chosen = f"Chosen in round {item.chosen[0].choice.round_id}"
        chosen += f", first {MAX_PICTURES}" if len(item.chosen) == MAX_PICTURES else ""
    return (
        f'<article class="card"><h3>{escape(item.video.name)}</h3>{_facts(item)}'
        + _objects(item.video.video_id, content.quality)
        + (charts.place(item.figure) if item.figure else "")
        + note(item.note)
        + _strip(chosen, item.chosen)
        + _strip(f"Least confident masks after round {content.delivered_round}", item.doubtful)
        + _strip("Some of its frames", item.samples)
        + "</article>"
    )


def _facts(item: VideoContent) -> str:
    video = item.video
    facts = [
        many(video.n_frames, "frame"),
        f"{video.width} × {video.height} px",
        f"{float(video.fps):.5g} frames/s",
        duration(float(video.n_frames / video.fps)),
        many(item.human_frames, "human frame"),
    ]
    return f'<p class="meta">{" · ".join(facts)}</p>'


def _objects(video_id: int, quality: Sequence[QualityRow]) -> str:
    """J&F per object of a video with several."""
    newest = max((q.round_id for q in quality if q.video_id == video_id), default=0)
    found = {
        row.track_id: row.value
        for row in quality
        if (row.round_id, row.video_id, row.provenance, row.metric) == (newest, video_id, ALL, "jf")
        and row.track_id is not None
    }
    if len(found) < 2:
        return ""
    items = "".join(
        f'<span class="track">{swatch(track_colour(track))}object {track}: {score(value)}</span>'
        for track, value in list(found.items())[:MAX_OBJECTS]
    )
    if len(found) > MAX_OBJECTS:
        items += f"and {len(found) - MAX_OBJECTS:,} more"
    return f'<p class="meta objects">J&amp;F after round {newest}: {items}</p>'


def _strip(title: str, pictures: Sequence[Picture]) -> str:
    if not pictures:
        return ""
    return f'<h4>{escape(title)}</h4><div class="strip">{"".join(_figure(p) for p in pictures)}</div>'


def _figure(item: Picture) -> str:
    colour = PROVENANCE_COLOURS.get(item.shown.provenance, UNLABELLED_COLOUR)
    where = f"frame {item.frame_idx}"
    frame = f'style="--colour:{colour}"'
    if item.image is None:
        image = f'<div class="gone" {frame}>The frame cannot be read: its video is gone or was changed.</div>'
    else:
        image = f'<img {frame} src="{item.image}" alt="{where} with its masks" loading="lazy">'
    sure = "" if item.shown.confidence is None else f" {item.shown.confidence:.2f}"
    label = chip(item.shown.provenance + sure, colour) if item.shown.provenance else ""
    rank = f"<b>{item.choice.place}.</b> " if item.choice else ""
    reason = escape(item.choice.reason) if item.choice else ""
    caption = "<br>".join(part for part in (f"{rank}<b>{where}</b> at {clock(item.time_us)}", label, reason) if part)
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
