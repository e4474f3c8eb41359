import pytest

from al_core.export.palette import (
    PROVENANCE_COLOURS,
    TRACK_COLOURS,
    davis_palette,
    readable_on,
    rgb,
    track_colour,
)
from al_core.records import COMPONENTS, Provenance


def test_every_provenance_and_component_has_its_own_colour():
    from al_core.export.palette import COMPONENT_COLOURS

    assert set(PROVENANCE_COLOURS) == {p.value for p in Provenance}
    assert len(set(PROVENANCE_COLOURS.values())) == 4
    assert tuple(COMPONENT_COLOURS) == COMPONENTS


def test_tracks_repeat_their_colours():
    assert track_colour(1) == TRACK_COLOURS[0] == track_colour(1 + len(TRACK_COLOURS))


@pytest.mark.parametrize(("ground", "ink"), [("#ffffff", "#000000"), ("#000000", "#ffffff"), ("#ffd23f", "#000000")])
def test_text_is_readable(ground, ink):
    assert readable_on(ground) == ink


def test_rgb_reads_hexadecimal():
    assert rgb("#0d9f78") == (13, 159, 120)


def test_the_palette_of_davis_has_no_doubles():
    assert len({tuple(c) for c in davis_palette().tolist()}) == 256
