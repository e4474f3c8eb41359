"""Large JSON files, entry by entry."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from al_core.exchange import json_items
from al_core.exchange.json_items import JsonItems

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def entries(path, *lists):
    return list(JsonItems(path).entries(lists))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(content=st.dictionaries(st.text(max_size=3), VALUES, max_size=4), indent=st.sampled_from([None, 2]))
def test_it_reads_what_json_reads_however_the_pieces_fall(tmp_path, monkeypatch, content, indent):
    monkeypatch.setattr(json_items, "_CHUNK", 3)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content, indent=indent, ensure_ascii=False), encoding="utf-8")
    expected = [
        (key, entry) for key, value in content.items() for entry in (value if isinstance(value, list) else [value])
    ]
    items = JsonItems(path)
    assert list(items.entries(list(content))) == expected
    assert items.lists == {key for key, value in content.items() if isinstance(value, list)}


def test_lists_that_nobody_wants_are_passed_over(tmp_path):
    (tmp_path / "a.json").write_text('{"a": [1, {"b": [2]}], "c": 3, "d": []}')
    assert entries(tmp_path / "a.json", "d") == [("c", 3)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_other_encodings(tmp_path, encoding):
    (tmp_path / "a.json").write_bytes('{"a": ["ä"]}'.encode(encoding))
    assert entries(tmp_path / "a.json", "a") == [("a", "ä")]


@pytest.mark.parametrize("text", ['{"a": [1, 2', '{"a": 1', '{"a" 1}', '{"a": [1 2]}', '{"a": 1} {}', "", '{"a": nul}'])
def test_what_is_no_json_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r".+"):
        entries(tmp_path / "a.json", "a")


def test_what_is_no_object_says_what_it_is(tmp_path):
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(TypeError, match="a list"):
        entries(tmp_path / "a.json")


def test_the_share_that_was_read_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(json_items, "_CHUNK", 8)
    (tmp_path / "a.json").write_text('{"a": [1, 2, 3, 4, 5, 6, 7, 8, 9]}')
    told = []
    list(JsonItems(tmp_path / "a.json", told.append).entries(["a"]))
    assert told == sorted(told)
    assert told[-1] == 1
