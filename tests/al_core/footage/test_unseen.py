"""What is taken of footage that a student is to label, and which of its frames."""

import numpy as np
import pytest
from PIL import Image

from al_core.errors import BadSettings, BadVideo
from al_core.footage.unseen import frame_choice, frames_to_see, unseen
from tests.toys.footage.clips import FRAMES, write_frames, write_mask
from tests.toys.footage.layouts import LEFT, davis


def picture(path, size=(8, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size[1], size[0], 3), 90, np.uint8)).save(path)
    return path


def found(*paths, **options):
    return [(source.name, source.files()) for source in unseen(paths, **options).sources]


def test_a_folder_of_numbered_frames_is_a_video(tmp_path):
    names = tuple(f"{i:05d}.png" for i in range(FRAMES))
    assert found(write_frames(tmp_path / "walk")) == [("walk", names)]


def test_masks_beside_frames_are_passed_by(tmp_path):
    davis(tmp_path)
    write_mask(tmp_path / "Annotations" / "480p" / "gone" / "00000.png", LEFT)
    (source,) = unseen([tmp_path]).sources
    assert (source.name, source.masks) == ("dog", None)


def test_an_image_by_itself_is_a_video_of_one_frame(tmp_path):
    (source,) = unseen([picture(tmp_path / "cat 7.jpg")]).sources
    video = source.video(source.sha256(), source.probe())
    assert (video.name, video.n_frames, video.height, video.width, video.files) == ("cat 7", 1, 6, 8, ("cat 7.jpg",))


def test_images_without_numbers_are_pictures_and_may_differ_in_size(tmp_path):
    picture(tmp_path / "cat.png")
    picture(tmp_path / "dog.png", size=(4, 4))
    sources = unseen([tmp_path]).sources
    assert [source.files() for source in sources] == [("cat.png",), ("dog.png",)]
    assert [(source.probe().height, source.probe().width) for source in sources] == [(6, 8), (4, 4)]


def test_numbered_images_may_be_pictures_too(tmp_path):
    folder = write_frames(tmp_path / "walk")
    assert len(unseen([folder], separate=True).sources) == FRAMES


def test_footage_of_one_name_is_told_apart(tmp_path):
    paths = [
        picture(tmp_path / folder / name) for folder, name in (("a", "cat.png"), ("b", "Cat.png"), ("c", "cat.png"))
    ]
    assert [source.name for source in unseen(paths).sources] == ["cat", "Cat-2", "cat-3"]


def test_what_cannot_be_labelled_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadVideo, match="holds no frames and no videos"):
        unseen([tmp_path / "empty"])
    with pytest.raises(BadVideo, match="no such file or folder"):
        unseen([tmp_path / "gone.mp4"])
    write_frames(tmp_path / "walk")
    (tmp_path / "walk" / "notes.txt").write_text("...")
    assert [file.path.name for file in unseen([tmp_path / "walk"]).passed_over] == ["notes.txt"]


@pytest.mark.parametrize(
    ("text", "frames"),
    [("0", [0]), ("5,1-3", [1, 2, 3, 5]), (" 8 - 30 ", [8, 9]), ("12,40-50", []), (None, list(range(10)))],
)
def test_frames_are_chosen_by_number(text, frames):
    assert frames_to_see(10, choice=frame_choice(text)) == frames


@pytest.mark.parametrize("text", ["", "a", "3-1", "1-2-3", "-1", "1,", "1.5"])
def test_what_is_no_choice_of_frames_is_refused(text):
    with pytest.raises(BadSettings, match=r"such as 0,5,10-20; got '"):
        frame_choice(text)


def test_every_third_frame():
    assert frames_to_see(8, stride=3) == [0, 3, 6]
