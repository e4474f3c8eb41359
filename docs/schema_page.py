"""Write ``docs/schema.md`` from the ledger's schema; ``make docs`` calls it.

Tables, columns and types are read from a ledger that is made for it; what they mean is said here. A test compares the
page with what this makes, and fails for a table or a column that nobody explained.
"""

import sys
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from al_core.ledger.file.copies import SECRET  # noqa: E402
from al_core.ledger.file.schema import MIGRATIONS, migrate  # noqa: E402

PAGE = ROOT / "docs" / "schema.md"

HEAD = """# The ledger's tables

*Written by `docs/schema_page.py` from `al_core/ledger/file/schema.py`; change it there.*

This is schema version {version}. The snapshot (`fewframes snapshot`) holds every table below as a DuckDB file and as
Parquet, and `fewframes sql` asks the ledger itself; {secret} stay in the ledger, because what is in them opens doors.
Times are UTC without zone. Frames count from 0. A mask's pixels are the counts of COCO's compressed run lengths; its
height and width are those of its video.

```sh
fewframes sql "SELECT round_id, provenance, sum(n_masks) FROM delivered GROUP BY ALL ORDER BY ALL" --project work
fewframes sql "SELECT round_id, avg(value) FROM quality WHERE metric = 'jf' GROUP BY 1" --project work
```
"""

TABLES = {
    "category": "A kind of object.",
    "category_detail": "What people are shown of a category.",
    "category_end": "A category that was merged or removed, until it was added again.",
    "guide": "An instruction for people who label; the newest counts.",
    "video_category": "A kind of object in a video.",
    "video_priority": "How early the frames of a video are handed out within a round.",
    "video_assignee": "A person who gets the frames of a video; a video without any is everybody's.",
    "category_tag": "What a person said of a category in a stretch of frames, without a mask. The newest row holds.",
    "exclusion": "A time in which the loop left a video out.",
    "purge": "The number of a video that was purged, which is not given again.",
    "video": "A video or a folder of frames.",
    "frame": "A frame of a video, in order of presentation.",
    "truth_frame": "A frame whose truth is held back from the loop.",
    "truth": "One object in such a frame.",
    "shot_search": "A video in which cuts and still stretches were looked for.",
    "still": "A stretch of frames that show the same thing: people are asked for one of them.",
    "cut": "A frame with which another shot begins, or, where somebody took it back, does not. The newest row holds.",
    "round": "One turn of the loop.",
    "step": "One step of a round.",
    "wanted": "Settings that somebody asked for; the next round begins with the newest.",
    "pause": "A time in which nothing new began.",
    "student_pin": "A student that somebody chose; the newest row holds.",
    "training_curve": "The loss at one iteration of a round's training.",
    "prediction_batch": "What a round predicted for one video.",
    "prediction": "How uncertain the prediction of one frame is; each part is higher where less is certain.",
    "selection": "A frame that a round chose.",
    "label_request": "A question to people about one frame.",
    "answer": "What a person did with a request. Rows are never changed: a correction is another revision.",
    "answer_current": "A view: the newest answer to each request that nobody took back.",
    "label": "One mask of an answer. An answer without rows here says that nothing is in the frame.",
    "import": "One import of labels or of masks to start from.",
    "prelabel": "One imported mask that people start from; it counts as nothing else.",
    "holdout": "A frame that the loop never learns from: what people say of it measures quality.",
    "withdrawal": "An answer that was taken back and no longer counts.",
    "review": "What a reviewer said of an answer.",
    "agreement": "How much an answer agrees with another one, or with the masks that were shown.",
    "note": "What somebody wrote about a request.",
    "review_rule": "A view: how the answers of a round are reviewed.",
    "answer_reviewed": "A view: the answers that were reviewed.",
    "answer_usable": "A view: the answers that may be used: those that need no approval, and those that were approved.",
    "review_due": "A view: the answers that wait for a review.",
    "returned": "A view: the answers that were returned and not given anew.",
    "set_aside": "Somebody skipped, flagged or dropped a request.",
    "draft": "A drawing that is not finished.",
    "annotator": "A person with access.",
    "audit_log": "Who did what, and what was refused. Answers are told by their own rows.",
    "delivered_batch": "What a round delivered for one video.",
    "delivered": "How much of that is of one provenance.",
    "delivered_category": "How much of that is of one provenance and category.",
    "quality": "One metric of one video after a round, against masks that the loop has not seen, on frames that it "
    "was given no label of.",
    "audit_sample": "A random draw from what a round delivered, that people audit.",
    "audit_unit": "A mask or a frame that was drawn.",
    "audit_answer": "What an answer says of one of them. Rows are never changed: the newest counts.",
    "audit_request": "What a request of an audit is about.",
    "audit_carried": "A request of an earlier audit that asks what a later round's would: it is not asked again.",
    "audit_estimate": "What the answers of an audit say of a round's delivery, as of its last steps.",
    "certificate": "A look at such answers: what it certifies, or that it certified nothing.",
    "schema_version": "A migration that was applied.",
}
"""What a row is, in the order of the page."""

SHARED = {
    "round_id": "Round, from 1; 0 for what no round asked for: imported labels and frames that are held out.",
    "video_id": "Video, see `video`.",
    "frame_idx": "Frame, from 0.",
    "track_id": "Object, from 1: the same number is the same object over a whole video; 0 is a region to ignore.",
    "category_id": "Category, see `category`.",
    "request_id": "Request, see `label_request`.",
    "answer_id": "Answer, see `answer`; made by whoever answers, so that sending it twice stores it once.",
    "annotator": "Name of the person.",
    "provenance": "Where masks come from: `human`, `propagated` or `teacher`.",
    "rle_counts": "Counts of COCO's compressed run lengths.",
    "written_at": "When it was written.",
    "n_masks": "Masks: one is one object in one frame.",
}
"""Columns that mean the same wherever they stand."""

COLUMNS = {
    "category": {"name": "Its name.", "category_id": "From 1."},
    "video": {
        "video_id": "From 1.",
        "name": "Its name, one of a kind.",
        "uri": "Where the file or folder lies.",
        "kind": "`video`, or `folder` (of frames).",
        "sha256": "Hash of the content, by which it is recognised.",
        "fps_numerator": "Frames per second are numerator / denominator, exactly.",
        "fps_denominator": "See above.",
        "n_frames": "Number of frames.",
        "height": "Pixels, upright.",
        "width": "Pixels, upright.",
        "rotation": "Degrees clockwise that stored pictures are turned by to stand upright.",
        "variable_fps": "Whether frames are shown for different times.",
        "bits": "Bits in use of a value in 16-bit images, which are shown in full brightness; else 16.",
        "identities": "`persistent` where a track is one object over the video, `per_frame` where numbers hold for one "
        "frame only.",
        "added_at": "When it was ingested.",
    },
    "frame": {
        "time_us": "Microseconds of its presentation.",
        "file": "Name of its file in a folder of frames; empty in a video.",
    },
    "round": {
        "status": "`running`, `finished` or `abandoned`.",
        "settings": "All settings that its steps run with which are not done.",
        "settings_sha256": "Their hash.",
        "seed": "What everything random follows from.",
        "stop_reason": "Why the campaign ended with it; empty when it goes on.",
        "flow_run_id": "The Prefect run that began it.",
        "started_at": "When it began.",
        "finished_at": "When it was done.",
    },
    "step": {
        "name": "`select`, `request`, `collect`, `train`, `predict`, `propagate` or `audit`.",
        "inputs_sha256": "Hash of all that its result depends on.",
        "status": "`started` or `finished`.",
        "attempts": "How often it was begun: more than once where a run was stopped within it.",
        "result": "What later steps need of it.",
        "seconds": "Time of the attempt that finished it.",
        "started_at": "When it was begun last.",
        "finished_at": "When it was done.",
        "code": "Version of the code and git revision that began it last.",
        "error": "Why it failed last; empty when it did not, or was begun again.",
        "settings": "All settings that it ran with; empty before it is finished, and where those of the round hold.",
        "form": "How its inputs were told; hashes of different forms cannot be compared.",
    },
    "wanted": {
        "wanted_id": "From 1, in order.",
        "source": "Names what a deployment asks for; empty where a person asked.",
        "settings": "All settings.",
        "wanted_at": "When.",
    },
    "pause": {
        "pause_id": "From 1, in order.",
        "who": "Who paused.",
        "paused_at": "When.",
        "resumed_by": "Who let it go on; empty while the pause lasts.",
        "resumed_at": "When.",
    },
    "student_pin": {
        "pin_id": "From 1, in order.",
        "round_id": "Whose student labels new footage, and later rounds start from; empty for the newest.",
        "who": "Who chose it.",
        "pinned_at": "When; rounds that began before go by an earlier row.",
    },
    "training_curve": {
        "iteration": "From 1.",
        "loss": "Sum of all losses.",
        "learning_rate": "At that iteration.",
    },
    "prediction_batch": {
        "n_rows": "Frames.",
        "path": "Parquet file of the predicted objects, relative to the project; of the round that made it.",
        "made_from": "Hash of all that they were made from; empty where nobody noted it.",
    },
    "prediction": {
        "uncertainty": "The parts weighted into one figure, as the settings say.",
        "n_objects": "Objects that the teachers find.",
        "class_entropy": "Entropy of the mean class distribution, in [0, 1].",
        "mutual_information": "How much of it is disagreement between members, in [0, 1].",
        "box_spread": "How far the members' boxes lie apart.",
        "mask_disagreement": "1 - mean IoU between the members' masks.",
        "existence_disagreement": "Objects that some members see and others miss.",
        "temporal_inconsistency": "How badly it fits the frames beside it.",
    },
    "selection": {
        "rank": "Order of the choice, from 0.",
        "score": "What the strategy gave it.",
        "strategy": "Its name.",
        "reason": "Why, in words.",
        "kind": "The kind of label that is asked for.",
        "control": "Whether it was drawn at random, to measure what choosing gains.",
    },
    "label_request": {
        "request_id": "Follows from round, video and frame.",
        "rank": "People get low ranks first.",
        "reason": "Why this frame, in words.",
        "status": "`open`, `done`, `dropped` (nobody is asked any more), `replaced` (gave way to a better one), "
        "`withdrawn` (its answers were taken back after the round), `expired` (the round went on without it), "
        "`abandoned` (its round was given up), `excluded` (its video was left out).",
        "created_at": "When it was made.",
        "updated_at": "When its status changed.",
        "kind": "The kind of label that is asked for.",
        "purpose": "`label`; `tracked` on a frame that a person corrected unasked; `holdout` on a frame that the loop "
        "never learns from; `audit` of what its round delivered; or a check of people: `agreement`, `known_truth`, "
        "`relabel`. Rounds wait for labels only.",
        "original_id": "For a check: the request whose answer it is compared with. For an audit: the one that must be "
        "answered before.",
    },
    "answer": {
        "answer_id": "Made by whoever answers, so that sending it twice stores it once.",
        "revision": "From 1, per request.",
        "kind": "What the person did: `mask`, `polygon`, `scribble`, `box`, `click`, `tag`, `absent`, `accept` or "
        "`reject` (wrong, but nothing else is said: it labels nothing).",
        "seconds": "Active time; empty where nobody knows it, as for imported labels.",
        "created_at": "When it came in.",
        "import_id": "The import that brought it, see `import`; empty where it was given here.",
        "complete": "Whether it says all that is in the frame; else it says only where its objects are.",
        "absent": "Objects that it says are not in the frame, where it is not complete.",
        "gestures": "How it was made, in order: tool, object, whether it adds, points (x, y) of each gesture, and "
        "`true` where it was taken back; empty where nobody noted it.",
    },
    "import": {
        "import_id": "From 1, in order.",
        "purpose": "`label`, `holdout` or `prelabel`.",
        "files": "Names of the files.",
        "author": "Who labelled, as the command says.",
        "n_frames": "Frames that were taken.",
        "imported_at": "When.",
    },
    "label": {"attributes": "What a person said of the object beside its mask, such as `occluded`; null for nothing."},
    "prelabel": {
        "import_id": "The import that brought it, see `import`.",
        "attributes": "What the file says of the object beside its mask, such as `occluded`; null for nothing.",
    },
    "shot_search": {
        "from_round": "The first round that goes by what was found.",
        "searched_at": "When.",
    },
    "still": {"first_frame": "Its first frame.", "last_frame": "Its last frame."},
    "cut": {
        "cut_id": "Rising.",
        "stands": "Whether a shot begins here.",
        "from_round": "The first round that goes by it.",
        "noted_by": "Who said so; empty where it was found at ingest.",
        "noted_at": "When.",
    },
    "holdout": {"added_by": "Who held it out.", "added_at": "When."},
    "category_detail": {
        "colour": "`#rrggbb`; empty for none.",
        "description": "What belongs to it, in words.",
        "key": "Digit that chooses it on the page; empty for the next that is free.",
        "example": "A picture of one, as a JPEG or PNG file.",
    },
    "category_end": {
        "into_id": "The category that it is since then; empty where it was removed.",
        "who": "Who did it.",
        "ended_at": "Since when.",
        "revived_at": "When it was added again; empty while it is gone.",
    },
    "guide": {"guide_id": "From 1, in order.", "text": "Markdown.", "who": "Who wrote it.", "written_at": "When."},
    "video_category": {"place": "Order, from 0: the first is preselected."},
    "category_tag": {
        "tag_id": "Rising.",
        "first_frame": "The first frame of the stretch.",
        "last_frame": "Its last frame.",
        "present": "Whether each of these frames shows such an object, or none does; empty takes back what was said.",
        "said_by": "Who said so.",
        "seconds": "Human seconds of what was said at once, with the first of its rows; empty where nobody knows.",
        "said_at": "When.",
    },
    "video_priority": {"priority": "Higher is earlier; without a row it is 0."},
    "exclusion": {
        "who": "Who left it out.",
        "reason": "Why, in words.",
        "excluded_at": "Since when.",
        "included_at": "Until when; empty while it lasts.",
    },
    "purge": {"purged_id": "The number.", "who": "Who purged it.", "purged_at": "When."},
    "withdrawal": {"annotator": "Who took it back.", "withdrawn_at": "When."},
    "review": {
        "review_id": "Made by whoever reviews, so that sending it twice stores it once.",
        "reviewer": "Who reviewed it.",
        "verdict": "`approved`, `returned` (the answer is withdrawn, and its author is asked again) or `corrected`.",
        "correction": "The reviewer's own answer, of one that was corrected.",
        "seconds": "Human seconds of approving or returning; those of a correction are its own answer's.",
        "reviewed_at": "When.",
    },
    "agreement": {
        "other_id": "The other answer; empty for the masks that were shown.",
        "likeness": "Mean J of the paired objects, in [0, 1].",
        "compared_at": "When.",
    },
    "note": {"note_id": "Made by whoever writes.", "who": "Who wrote it.", "text": "What."},
    "review_rule": {
        "mode": "`none`, `after` or `before`, see `annotator.review`.",
        "share": "Share of the answers that are reviewed.",
    },
    "answer_reviewed": {"approved_at": "When it was first approved or given as a correction; empty for neither."},
    "answer_usable": {"since": "Since when it may be used: its arrival, or its approval."},
    "review_due": {
        "annotator": "Who gave it.",
        "created_at": "When it came in.",
        "likeness": "The least that it agrees with something, in [0, 1]; empty where it was compared with nothing.",
    },
    "returned": {"annotator": "Its author, who gets the frame first.", "reviewed_at": "When it was returned."},
    "set_aside": {
        "annotator": "Who; empty where everybody skipped it.",
        "how": "`skip`, `flag` or `drop`.",
        "reason": "Why, in words.",
        "happened_at": "When.",
    },
    "draft": {
        "base_revision": "The newest revision when it was drawn; it is void once there is a newer one.",
        "seconds": "Active time so far.",
        "masks": "JSON: a list of [track, category, height, width, counts].",
        "saved_at": "When it was saved last.",
    },
    "annotator": {
        "name": "One of a kind.",
        "role": "`annotator`, `viewer`, `reviewer` or `lead`.",
        "revoked": "Whether the access was ended.",
        "created_at": "When it was given.",
    },
    "audit_log": {
        "happened_at": "When.",
        "who": "Name of the person; empty where nobody knows.",
        "action": "What was done, e.g. `signed in`, `skip`, `refused`.",
        "subject": "To what.",
        "detail": "More in words.",
    },
    "delivered_batch": {
        "path": "Parquet file of the masks, relative to the project; of the round that made it.",
        "made_from": "Hash of all that masks and uncalibrated confidences were made from; empty where nobody noted it.",
        "calibration": "JSON: slope and offset of the confidence, by provenance.",
        "n_covered": "Frames that are labelled: by a person, with objects or without, or by at least one mask.",
    },
    "delivered": {
        "n_frames": "Frames that hold such a mask.",
        "mean_confidence": "Mean confidence of these masks, in [0, 1].",
    },
    "quality": {
        "track_id": "Object; empty for the whole video.",
        "provenance": "Of the masks that are measured; `all` for what a user gets, missing masks included.",
        "metric": "`j`, `f`, `jf` (as DAVIS defines them), `ap`, `ap50` (COCO) or `voc_ap50`.",
        "value": "In [0, 1].",
        "n_frames": "Frames that were measured.",
        "reference": "What was compared with: `truth`, or `holdout` for what people said of frames that are held out.",
    },
    "audit_sample": {
        "draw": "Number of the draw among those of the round, from 1.",
        "seed": "What the draw follows from.",
        "iou": "Overlap from which a mask is good enough; judges are asked about it.",
        "asked": "How many masks to judge, blind masks and frames were asked for.",
        "population": "Hash of what was drawn from: masks that no person made, and frames that nobody labelled.",
        "strata": "JSON: a list of [video, provenance (empty for frames), size, drawn to be judged, drawn blind].",
        "drawn_at": "When.",
    },
    "audit_unit": {
        "draw": "See `audit_sample`.",
        "place": "Order within the draw, from 0.",
        "track_id": "Object; 0 for the whole frame, of which is asked what is missed in it.",
        "grade": "`measured` (a person draws it from nothing) or `judged` (a person says whether it is good enough).",
        "inclusion": "Probability with which it was drawn, in (0, 1].",
        "category_id": "Category, see `category`; 0 for a whole frame.",
        "provenance": "Where the mask comes from; empty for a whole frame.",
        "confidence": "Of the delivered mask, in [0, 1].",
        "pair": "Whether it is judged only to measure the judge, since it is drawn blind too.",
    },
    "audit_answer": {
        "track_id": "Object; 0 for the whole frame.",
        "grade": "As its unit has it.",
        "person": "Name of the person.",
        "good": "Of a judged mask: whether it is good enough.",
        "j": "Of a blind mask: region overlap with what the person drew, in [0, 1].",
        "f": "Of a blind mask: boundary accuracy, in [0, 1].",
        "missed": "Of a whole frame: how many objects are missed in it.",
        "seconds": "Active time.",
        "answered_at": "When it was stored.",
        "number": "From 1, over the whole project.",
    },
    "audit_request": {
        "draw": "See `audit_sample`.",
        "track_id": "The mask in question; 0 for what is missing in the frame, and for all that is drawn from nothing.",
        "grade": "As its unit has it.",
        "iou": "Overlap from which a mask is good enough.",
    },
    "audit_carried": {
        "name": "That the later round's request would have had.",
        "round_id": "The later round.",
        "request_id": "The earlier request.",
    },
    "audit_estimate": {
        "scope": "`all`, or e.g. `video 3`, `category 1`, `provenance teacher`.",
        "metric": "`j`, `f`, `jf`, `good` (share of masks with the overlap asked for), `missed` (objects per 100 "
        "frames) or `lacking` (share of frames in which an object is missed).",
        "grade": "`measured` or `judged`; the two are never put together.",
        "value": "The estimate.",
        "low": "Lower end of its 95 % interval.",
        "high": "Upper end of it.",
        "n": "Answers that it rests on.",
        "effective_n": "Answers that it would take without the help of confidence.",
        "population": "Masks or frames that it speaks of.",
        "unanswered": "Drawn units without an answer.",
        "as_of": "When the newest of the answers came.",
    },
    "certificate": {
        "number": "From 1, over the whole project; looks that certified nothing count too.",
        "certificate_id": "Follows from its content.",
        "kind": "`masks` or `frames`.",
        "content": "All of it, as `fewframes certify` writes it.",
        "made_at": "When.",
    },
    "schema_version": {
        "version": "From 1.",
        "name": "What it is about.",
        "sha256": "Hash of its SQL.",
        "applied_at": "When.",
        "made_by": "Version of fewframes that applied it; empty up to version 6.",
    },
}
"""What the other columns mean."""
COLUMNS["answer_current"] = COLUMNS["answer"]


def schema() -> dict[str, dict[str, str]]:
    """Table -> column -> type of everything that is published, tables in the order of the page.

    Raises:
        KeyError: a table that nobody explained.
    """
    found: dict[str, dict[str, str]] = {table: {} for table in TABLES}
    with duckdb.connect() as connection:
        migrate(connection)
        rows = connection.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal "
            "ORDER BY table_name, column_index"
        ).fetchall()
    for table, column, kind in rows:
        if table not in SECRET:
            found[table][column] = kind
    return found


def page() -> str:
    """Return the whole page."""
    secret = " and ".join(f"`{name}`" for name in sorted(SECRET))
    parts = [HEAD.format(version=MIGRATIONS[-1][0], secret=secret)]
    for table, columns in schema().items():
        lines = [f"| `{name}` | {kind} | {_meaning(table, name)} |" for name, kind in columns.items()]
        parts.append(
            "\n".join([f"## {table}", "", TABLES[table], "", "| column | type | |", "|---|---|---|", *lines, ""])
        )
    return "\n".join(parts)


def _meaning(table: str, column: str) -> str:
    own = COLUMNS.get(table, {})
    return own[column] if column in own else SHARED[column]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
