import pytest

from al_core.footage.numbering import NO_NUMBER, frame_numbers


@pytest.mark.parametrize(
    ("stems", "expected"),
    [
        (["0000_1080p", "0001_1080p", "0002_1080p"], [0, 1, 2]),
        (["img_0007_720x480", "img_0009_720x480"], [7, 9]),
        (["take2_frame8", "take2_frame9"], [8, 9]),
        (["f1_t0.5", "f2_t0.5", "f3_t1.0"], [1, 2, 3]),
        (["2024-01-01_3", "2024-01-02_4"], [3, 4]),
        (["00003", "left_00003"], [3, 3]),
        (["0000_1080p"], [1080]),
        (["cover", "12"], [NO_NUMBER, 12]),
        (["a", "b"], [NO_NUMBER, NO_NUMBER]),
        ([], []),
    ],
)
def test_frame_numbers(stems, expected):
    assert frame_numbers(stems) == expected
