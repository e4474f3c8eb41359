"""What is said in a person's language: texts with places, plural forms, numbers, and what came as English."""

from threading import Thread

import pytest

from tasks.languages import catalogue as words
from tasks.languages.phrases import all_of, counted, heard, numeral, signs, speaking, spoken, t


@pytest.fixture
def german():
    with speaking("de"):
        yield


def test_english_is_what_stands_in_the_source():
    assert t("Round {round} of {last}", round=2, last=4) == "Round 2 of 4"
    assert (counted(1, "{n} frame", "{n} frames"), counted(1200, "{n} frame", "{n} frames")) == (
        "1 frame",
        "1,200 frames",
    )
    assert (numeral(1234.5, ",.1f"), signs("0:04.12"), heard("Round 3")) == ("1,234.5", "0:04.12", "Round 3")


def test_another_language_has_its_own_texts_plurals_and_signs(german):
    assert t("Round {round} of {last}", round=2, last=4) == "Runde 2 von 4"
    assert (counted(1, "{n} frame", "{n} frames"), counted(1200, "{n} frame", "{n} frames")) == (
        "1 Bild",
        "1.200 Bilder",
    )
    assert (numeral(1234.5, ",.1f"), numeral(0.38, ".0%"), signs("0:04.12")) == ("1.234,5", "38 %", "0:04,12")
    assert all_of(("round", "J&F")) == ["Runde", "J&F"]


def test_what_is_not_in_the_catalogue_stays_and_a_place_without_a_value_too(german):
    assert t("nobody has translated {this}") == "nobody has translated {this}"
    assert counted(2, "{n} unicorn", "{n} unicorns") == "2 unicorns"
    assert t("%{customdata}: %{y:.3f}") == "%{customdata}: %{y:.3f}"
    assert heard("the disk is full") == "the disk is full"


def test_a_value_is_never_taken_for_a_place(german):
    assert t("A certificate of {project}.", project="{project} {n}") == "Ein Zertifikat von {project} {n}."


def test_sentences_of_other_layers_are_heard_with_what_is_in_them(german):
    assert heard("all rounds are done: 3 of 3") == "alle Runden sind erledigt: 3 von 3"
    assert heard("choice 1 of 1,200: uncertainty 0.734") == "Wahl 1 von 1.200: Unsicherheit 0,734"
    assert heard("drawn at random from 9 frames; asked ahead of round 2") == (
        "zufällig gezogen aus 9 Bildern; vor Runde 2 gefragt"
    )
    assert heard("The page's refiner, IoU on 40 held-out objects: boxes with learning 0.83 (without it 0.71).") == (
        "Das Netz der Seite, IoU auf 40 zurückgehaltenen Objekten: Rechtecke mit Gelerntem 0,83 (ohne 0,71)."
    )


def test_the_language_is_spoken_until_the_block_ends_and_in_no_other_thread():
    heard_there = []
    with speaking("de"):
        with speaking("en"):
            assert t("Runs") == "Runs"
        other = Thread(target=lambda: heard_there.append(spoken()))
        other.start()
        other.join()
        assert t("Runs") == "Läufe"
    assert (spoken(), heard_there) == ("en", ["en"])


def test_an_english_file_needs_no_catalogue(monkeypatch):
    monkeypatch.setattr(words, "_file", lambda name: pytest.fail(f"{name} was read"))
    assert t("Runs") == "Runs"
