import pytest

from al_core.errors import BadSettings, UnknownName
from al_core.settings import PRESETS, Settings, Table, load_settings, parse_settings


@pytest.mark.parametrize("preset", sorted(p.stem for p in PRESETS.glob("*.toml")))
def test_every_preset_can_be_read(preset):
    assert isinstance(load_settings(preset), Settings)


def test_a_file_says_only_what_differs(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[selection]\nstrategy = 'random'\n")
    settings = load_settings(file)
    assert settings.selection.strategy == "random"
    assert settings.student == Settings().student


def test_settings_survive_their_stored_form():
    settings = Settings().changed({"teachers.decays": (0.5,), "seed": 7})
    assert parse_settings(settings.model_dump_json()) == settings


def test_addresses_that_may_be_secrets_are_not_shown():
    settings = Settings().changed({"notify.url": "https://hooks.example.org/s3cret"})
    assert settings.shown()["notify"]["url"] == "(set, not shown)"
    assert Settings().shown() == Settings().model_dump(mode="json")
    with pytest.raises(BadSettings, match="without user and password$"):
        settings.changed({"notify.url": "https://ann:s3cret@hooks.example.org"})


def test_equal_settings_have_one_hash():
    assert Settings().sha256 == Settings().changed({"seed": 0}).sha256
    assert Settings().sha256 != Settings().changed({"seed": 1}).sha256


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[selection]\nstratgy = 'random'", "selection.stratgy.*Did you mean 'selection.strategy'"),
        (
            "[selection]\nframes_per_round = 0",
            "selection.frames_per_round: .*greater than or equal to 1, got 0",
        ),
        ("[teachers]\ndecays = [1.5]", "teachers.decays.0: .*less than 1, got 1.5"),
        ("this is no TOML", "expected TOML"),
    ],
)
def test_a_bad_file_names_the_field(tmp_path, text, message):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(BadSettings, match=message):
        load_settings(file)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadSettings, match="no such settings file"):
        load_settings(tmp_path / "none.toml")


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(UnknownName, match="known: .*quick"):
        load_settings("quikc")


def test_an_unknown_option_lists_the_known_ones():
    with pytest.raises(UnknownName, match=r"selection\.strategy"):
        Settings().changed({"selection.strateg": "random"})


def test_a_table_imports_an_entry_when_it_is_asked_for():
    table = Table("thing", {"here": 1, "there": "fractions:Fraction"})
    assert list(table) == ["here", "there"]
    assert table["there"](1, 2) == 0.5
    assert table["here"] == 1


def test_a_table_names_what_it_knows():
    table = Table("thing", {"here": 1, "there": 2})
    with pytest.raises(UnknownName, match="unknown thing 'hree'; known: here, there. Did you mean 'here'"):
        table.check("hree")
