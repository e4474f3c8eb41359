import numpy as np
import pytest

from al_core.export.palette import (
    PROVENANCE_COLOURS,
    TRACK_COLOURS,
    davis_palette,
    readable_on,
    rgb,
    track_colour,
)
from al_core.records import COMPONENTS, DELIVERED


def test_every_provenance_and_component_has_its_own_colour():
    from al_core.export.palette import COMPONENT_COLOURS

    assert set(PROVENANCE_COLOURS) == {p.value for p in DELIVERED}
    assert len(set(PROVENANCE_COLOURS.values())) == 4
    assert tuple(COMPONENT_COLOURS) == COMPONENTS


def test_tracks_repeat_their_colours():
    assert track_colour(1) == TRACK_COLOURS[0] == track_colour(1 + len(TRACK_COLOURS))


_SEEN_BY = {
    "most people": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
"""Colours in linear light as people see them (Machado, Oliveira and Fernandes 2009, severity 1)."""


def in_lab(colours, seen_by):
    """Colours as they are seen, in CIE Lab (D65), shape [n, 3]."""
    values = np.array([rgb(colour) for colour in colours]) / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) @ np.array(seen_by).T
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    x, y, z = (np.clip(light, 0, 1) @ np.array(to_xyz).T / [0.95047, 1.0, 1.08883]).T
    f = [np.where(v > 216 / 24389, np.cbrt(v), (24389 / 27 * v + 16) / 116) for v in (x, y, z)]
    return np.stack([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])], axis=1)


@pytest.mark.parametrize("people", _SEEN_BY)
@pytest.mark.parametrize(("first", "least"), [(4, 40.0), (len(TRACK_COLOURS), 20.0)])
def test_objects_stay_apart_for_colour_blind_people_too(people, first, least):
    seen = in_lab(TRACK_COLOURS[:first], _SEEN_BY[people])
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=2)
    assert apart[~np.eye(first, dtype=bool)].min() >= least


@pytest.mark.parametrize(("ground", "ink"), [("#ffffff", "#000000"), ("#000000", "#ffffff"), ("#ffd23f", "#000000")])
def test_text_is_readable(ground, ink):
    assert readable_on(ground) == ink


def test_rgb_reads_hexadecimal():
    assert rgb("#0d9f78") == (13, 159, 120)


def test_the_palette_of_davis_has_no_doubles():
    assert len({tuple(c) for c in davis_palette().tolist()}) == 256
