"""Certificates in words."""

from dataclasses import replace
from datetime import datetime

from al_core.ledger.store import Round
from al_core.settings import Settings
from tasks.report.certificate_words import looks_during, of_all, of_one
from tests.toys.audits.deliveries import certificate


def test_what_is_certified_and_with_which_confidence():
    nothing = replace(certificate(2), accepted=(), spent_in_all=0.0333)
    assert of_all([]) == ""
    assert of_all([certificate()]) == (
        "200 of 400 masks of round 1 are accepted, at most 5.0 % of them with an IoU below 0.75 (judged, 4 of 120 "
        "bad). 1 look so far, and all that is certified holds with 97.5 % confidence."
    )
    assert of_all([nothing]).startswith("Nothing is certified. 1 look so far")
    assert "96.7 % confidence" in of_all([certificate(), nothing])
    assert of_one(nothing) == "look 2, at 400 masks of round 1, certifies nothing"


def test_frames_and_corrected_judgements_are_named():
    frames = replace(certificate(), kind="frames")
    assert of_one(frames) == "at most 4.9 % of 200 frames of round 1 lack an object"
    assert "judged, and corrected for what judges let pass" in of_one(replace(certificate(), corrected=True))


def test_looks_belong_to_the_round_in_which_they_were_taken():
    began, ended = datetime(2026, 11, 26, 11, 0, 0, 500), datetime(2026, 11, 26, 13)
    this = Round(1, "finished", Settings(), None, began, ended)
    looks = [replace(certificate(k), made_at=f"2026-11-26T{hour}:00:00") for k, hour in enumerate((10, 11, 12, 14), 1)]
    assert [look.number for look in looks_during(looks, this)] == [2, 3]
    assert [look.number for look in looks_during(looks, replace(this, finished_at=None))] == [2, 3, 4]
