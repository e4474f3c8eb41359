"""Propagators by their names."""

from pathlib import Path

import pytest

from al_core.errors import UnknownName
from al_core.propagation import PROPAGATORS, Resources, build
from al_core.settings import PropagationSettings
from al_core.stores.predictions import FramePrediction


@pytest.mark.parametrize("name", [name for name in PROPAGATORS if name not in ("cutie", "sam2")])
def test_each_name_stands_for_a_propagator_of_its_own(name: str, tmp_path: Path) -> None:
    made = build(name, Resources(PropagationSettings(), tmp_path))
    assert type(made).__module__.startswith(f"al_core.propagation.{name}")


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown propagation method 'flaw'.*Did you mean 'flow'"):
        build("flaw", Resources(PropagationSettings(), tmp_path))


def test_tracks_train_no_encoder_unless_one_is_there_anyway(tmp_path: Path) -> None:
    """Reading the predictions is left to the propagation, and nothing is trained when it is made."""

    def read() -> list[FramePrediction]:
        raise AssertionError("read before it is needed")

    build("tracks", Resources(PropagationSettings(methods=("affinity", "tracks")), tmp_path, read))
    assert list(tmp_path.rglob("*")) == []
