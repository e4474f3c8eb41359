from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import DeliveredMask, Provenance
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from tasks.backends.prelabels import delivered_masks, delivered_prelabels
from tests.toys.ledgers import asked, import_tables, ledger_with_clip, square


@pytest.fixture
def ledger(tmp_path):
    """A project whose first round delivered a mask of nearly everything in frames 4 and 5, and whose second asks."""
    ledger = ledger_with_clip(tmp_path)
    ledger.begin_round(Settings())
    project, nearly = Project.at(tmp_path), np.ones((square().height, square().width), bool)
    nearly[0, 0] = False
    path = project.round_dir(1) / "delivered" / "clip.parquet"
    write_delivered(path, [DeliveredMask(i, 1, 1, Provenance.PROPAGATED, 0.5, encode(nearly)) for i in (4, 5)])
    ledger.put_delivered(1, 1, project.relative(path), 2, [("propagated", 2, 2, 0.5)])
    return ledger


def shown(ledger, tmp_path, *indices):
    """Frame -> who made the mask that people start from, in round 2."""
    if len(ledger.rounds()) < 2:
        ledger.finish_round(1, None)
        ledger.begin_round(Settings())
    requests = [replace(r, round_id=2) for r in asked(ledger, *indices, round_id=2)]
    found = delivered_masks(Project.at(tmp_path), ledger, requests)
    return {r.frame.frame_idx: found[r.request_id][0].confidence for r in requests if r.request_id in found}


def brought(ledger, *indices):
    ledger.put_import("prelabel", "old model", ["old.json"], **import_tables(*indices))


def test_what_was_delivered_is_shown_and_imported_masks_where_that_is_nothing(ledger, tmp_path):
    brought(ledger, 4, 6)
    assert shown(ledger, tmp_path, 4, 6, 7) == {4: 0.5, 6: 0.0}


def test_what_an_imported_file_says_beside_a_mask_is_shown_too(ledger, tmp_path):
    tables = import_tables(6)
    said = pa.array([["occluded"]], tables["masks"].schema.field("attributes").type)
    tables["masks"] = tables["masks"].set_column(5, tables["masks"].schema.field("attributes"), said)
    ledger.put_import("prelabel", "old model", ["old.json"], **tables)
    (request,) = asked(ledger, 6)
    (mask,) = delivered_prelabels(Project.at(tmp_path), ledger, [request])[request.request_id].masks
    assert mask.attributes == ("occluded",)


def test_imported_masks_that_came_after_the_round_are_shown_instead(ledger, tmp_path):
    ledger.finish_round(1, None)
    ledger.begin_round(Settings())
    brought(ledger, 4)
    assert shown(ledger, tmp_path, 4, 5) == {4: 0.0, 5: 0.5}
