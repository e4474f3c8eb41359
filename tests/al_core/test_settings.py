import pytest

from al_core import settings as module
from al_core.errors import BadSettings, UnknownName
from al_core.selection import STRATEGIES
from al_core.settings import PRESETS, PluginTable, Settings, StoredSettings, Table, load_settings, parse_settings


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
    assert parse_settings(settings.to_json()) == settings


class TestSettingsOfAnotherVersion:
    STORED = """{"seed": 7, "student": {"batch_size": 3, "dropped": 0.5}, "selection": {"min_gap": -1},
        "propagation": {"method": "flow", "encoder_steps": 9}, "gone": {"deep": {"er": [1, 2]}}}"""

    def test_what_this_version_has_no_use_for_is_kept_aside(self):
        settings = parse_settings(self.STORED)
        assert (settings.seed, settings.student.batch_size) == (7, 3)
        assert settings.selection.min_gap == Settings().selection.min_gap
        assert set(settings.not_understood) == {"student.dropped", "selection.min_gap", "gone.deep.er"}

    def test_it_is_stored_again_also_after_changes(self):
        settings = parse_settings(self.STORED).changed({"seed": 8})
        assert parse_settings(settings.to_json()) == settings
        assert StoredSettings(settings.to_json()).part("gone.deep.er") == [1, 2]
        assert StoredSettings(settings.to_json()).part("selection.min_gap") == -1

    def test_a_value_that_is_given_anew_counts(self):
        settings = parse_settings(self.STORED).changed({"selection.min_gap": 5})
        assert parse_settings(settings.to_json()).selection.min_gap == 5
        assert "selection.min_gap" not in settings.not_understood

    def test_nothing_of_it_is_a_setting_that_can_be_given(self):
        with pytest.raises(UnknownName, match=r"student\.dropped"):
            parse_settings(self.STORED).changed({"student.dropped": 1})

    @pytest.mark.parametrize("text", ['{"selection": 3}', '{"seed": {"deep": 1}}', '{"seed": null, "student": {}}'])
    def test_nothing_that_was_stored_shuts_a_project(self, text):
        settings = parse_settings(text)
        assert settings.model_dump() == Settings().model_dump()
        assert parse_settings(settings.to_json()) == settings

    def test_a_part_is_told_as_it_was_stored(self):
        stored = StoredSettings(self.STORED)
        assert stored.part("propagation") == {"method": "flow", "encoder_steps": 9}
        assert (stored.part("student.batch_size"), stored.part("student.device")) == (3, None)


class TestRenamedSettings:
    def test_one_value_becomes_a_list_where_several_are_allowed_by_now(self):
        assert parse_settings('{"propagation": {"method": "cutie"}}').propagation.methods == ("cutie",)

    def test_a_file_and_an_option_may_use_the_old_name_and_are_told_the_new_one(self, tmp_path, caplog, monkeypatch):
        monkeypatch.setitem(module.RENAMED, "selection.how_many", "selection.frames_per_round")
        file = tmp_path / "old.toml"
        file.write_text("[selection]\nhow_many = 5\n")
        assert load_settings(file).selection.frames_per_round == 5
        assert Settings().changed({"selection.how_many": 6}).selection.frames_per_round == 6
        assert [record.getMessage() for record in caplog.records] == [
            f"{file}: selection.how_many is called selection.frames_per_round by now",
            "options: selection.how_many is called selection.frames_per_round by now",
        ]

    def test_the_new_name_counts_where_both_are_given(self):
        stored = '{"propagation": {"method": "flow", "methods": ["cutie"]}}'
        assert parse_settings(stored).propagation.methods == ("cutie",)

    def test_a_strategy_is_called_by_its_name_of_today(self):
        assert parse_settings('{"selection": {"strategy": "cycle_dissimilarity"}}').selection.strategy == "patch_cycles"
        assert set(module.FORMER_STRATEGIES.values()) <= set(STRATEGIES)

    def test_every_new_name_is_a_setting(self):
        known = dict(module.leaves(Settings().model_dump()))
        assert set(module.RENAMED.values()) <= set(known)
        assert not set(module.RENAMED) & set(known)


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
            "selection.frames_per_round: .*greater than or equal to 1 or auto, got 0",
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


def test_a_file_as_windows_tools_write_it(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_bytes("[selection]\r\nframes_per_round = 3\r\n".encode("utf-8-sig"))
    assert load_settings(file).selection.frames_per_round == 3
    file.write_text("[selection]", encoding="utf-16")
    with pytest.raises(BadSettings, match="expected TOML in UTF-8, got .*; save it as UTF-8"):
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


class TestPlugins:
    """Names of a table that others may add to."""

    @pytest.fixture
    def table(self, tmp_path, monkeypatch):
        (tmp_path / "of_others.py").write_text(
            "def good(): return 7\n\ndef old(): ...\nold.seam_version = 1\n\nnumber = 5\n"
        )
        (tmp_path / "broken.py").write_text("import nothing_of_this_name\n")
        package = tmp_path / "of_others-1.dist-info"
        package.mkdir()
        (package / "METADATA").write_text("Metadata-Version: 2.1\nName: of_others\nVersion: 1\n")
        (package / "entry_points.txt").write_text("[fewframes.things]\nlucky = of_others:good\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        return PluginTable("thing", {"here": len}, "fewframes.things", version=2)

    def test_they_are_entry_points_or_say_where_to_import_from(self, table):
        assert table["lucky"]() == 7
        assert table["of_others:good"]() == 7
        assert table.check("here") == "here"
        assert {name: name in table for name in ("lucky", "here", "unlucky")} == {
            "lucky": True,
            "here": True,
            "unlucky": False,
        }

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("luky", "unknown thing 'luky'; known: here, lucky. Did you mean 'lucky'"),
            ("broken:good", "expected something to import, got No module named 'nothing_of_this_name'; install"),
            ("of_others:bad", "expected something to import, got module 'of_others' has no attribute 'bad'"),
            ("of_others:old", "expected a callable for version 2 of fewframes.things, got version 1"),
            ("of_others:number", "expected a callable for version 2 of fewframes.things, got a int"),
            (":", "expected something to import"),
        ],
    )
    def test_one_that_cannot_be_used_is_told_in_one_line(self, table, name, told):
        with pytest.raises((UnknownName, BadSettings), match=told) as error:
            table.check(name)
        assert "\n" not in str(error.value)
