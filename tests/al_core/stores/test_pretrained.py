"""Networks that a project learnt itself: which one a round goes by."""

from datetime import datetime
from pathlib import Path

import pytest

from al_core.errors import BadCheckpoint, DamagedFile, UnknownName
from al_core.settings import PropagationSettings
from al_core.stores.pretrained import Pretrained, PretrainedNetworks, used, with_networks


def noon(hour: int = 12) -> datetime:
    return datetime(2026, 3, 1, hour)


def network(kind: str = "encoder", letter: str = "a", hour: int = 12) -> Pretrained:
    return Pretrained(kind, letter * 64, noon(hour), 2, 1200, 50)


def settings(**changes: object) -> PropagationSettings:
    return PropagationSettings.model_validate({"methods": ("affinity", "specialist"), **changes})


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    networks = PretrainedNetworks(tmp_path / "pretrained")
    assert networks.all() == []
    networks.add(network(), b"weights")
    networks.add(network("parent", "b"), b"others")
    assert networks.all() == [network(), network("parent", "b")]
    assert networks.newest() == networks.all()
    assert networks.path(network()).read_bytes() == b"weights"


def test_a_network_is_described() -> None:
    assert network().describe() == "encoder learnt on 1,200 frames of 2 videos in 50 steps, 2026-03-01 12:00 UTC"


def test_a_round_goes_by_the_newest_that_was_there_when_it_began() -> None:
    known = [network(hour=12), network(letter="b", hour=14)]
    assert used(settings(), known, noon(11)) == {}
    assert used(settings(), known, noon(13))["encoder"].sha256[0] == "a"
    assert used(settings(), known, noon(14))["encoder"].sha256[0] == "b"
    assert used(settings(), known)["encoder"].sha256[0] == "b"


def test_one_that_was_ended_still_serves_rounds_that_began_before(tmp_path: Path) -> None:
    networks = PretrainedNetworks(tmp_path)
    networks.add(network(hour=12), b"")
    assert networks.end("encoder", noon(15))
    assert not networks.end("encoder", noon(16))
    assert used(settings(), networks.all(), noon(14))
    assert not used(settings(), networks.all(), noon(15))
    assert networks.newest() == []
    networks.add(network(letter="b", hour=17), b"")
    assert [one.sha256[0] for one in networks.newest()] == ["b"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"encoder"}),
        ({"methods": ("tracks",)}, {"encoder"}),
        ({"methods": ("auto",)}, {"encoder"}),
        ({"methods": ("flow",)}, set()),
        ({"encoder": "mine.pt"}, set()),
        ({"parent": "mine.pt"}, {"encoder"}),
        ({"parent": "project"}, {"encoder", "parent"}),
        ({"parent": "project", "methods": ("affinity",)}, {"encoder"}),
    ],
)
def test_a_network_is_used_where_a_propagator_works_with_it_and_no_other_is_named(
    changes: dict[str, object], expected: set[str]
) -> None:
    assert set(used(settings(**changes), [network(), network("parent", "b")])) == expected


def test_what_is_asked_for_by_name_may_come_after_the_round_began() -> None:
    known = [network("parent", "a", hour=12), network("parent", "b", hour=13)]
    assert used(settings(parent="project"), known, noon(11))["parent"].sha256[0] == "a"
    assert used(settings(parent="project"), known, noon(14))["parent"].sha256[0] == "b"


def test_what_is_asked_for_and_not_there_is_one_line() -> None:
    with pytest.raises(BadCheckpoint, match="propagation.parent: .*there is none; .*pretrain --parent"):
        used(settings(parent="project"), [network()])


def test_files_stand_in_the_settings(tmp_path: Path) -> None:
    networks = PretrainedNetworks(tmp_path)
    assert with_networks(settings(), networks) == settings()
    networks.add(network(), b"")
    assert with_networks(settings(), networks).encoder == str(tmp_path / f"encoder-{'a' * 12}.pt")
    assert with_networks(settings(encoder="mine.pt"), networks).encoder == "mine.pt"


def test_a_list_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "networks.json").write_text("[{")
    with pytest.raises(DamagedFile, match="restore it from a backup"):
        PretrainedNetworks(tmp_path).all()


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    networks = PretrainedNetworks(tmp_path)
    networks.add(network("decoder"), b"")
    with pytest.raises(UnknownName, match="kind of network 'decoder'"):
        networks.all()
