import shutil
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from al_core.errors import BadVideo, StaleLease, UnknownName
from al_core.masks.rle import decode
from al_core.records import Answer, FrameLabel, FrameRef, LabelKind, Provenance
from tasks.project.ingest import ingest_paths
from tasks.web.label_cache import LabelCache
from tests.toys.labelled_project import HEIGHT, N_FRAMES, WIDTH, mask_at, write_frames
from tests.toys.web.desk import desk, square


@pytest.fixture
def office(tmp_path):
    with desk(tmp_path) as found:
        yield found


@pytest.fixture
def cache(office):
    return LabelCache(office.app.state.context)


def question(office, cache, *frames):
    """What is asked about the first of some frames."""
    return cache.question(office.ask(*frames)[0].request_id)


def masks(shown):
    """The masks of some entries, decoded."""
    return [decode(mask.rle) for mask in shown]


def test_masks_are_read_anew_when_their_category_was_merged(office, cache):
    asked = question(office, cache, 2)
    assert cache.kinds().names[1] == "square"
    assert {m.category_id for m in (*cache.shown(asked), *cache.around(None, FrameRef(1, 4)))} == {1}
    box = office.ledger.set_category("box", "lea").category_id
    office.ledger.merge_category("square", "box", "lea")
    cache.forget_categories()
    assert 1 not in {category.category_id for category in cache.kinds().offered}
    assert {m.category_id for m in (*cache.shown(asked), *cache.around(None, FrameRef(1, 4)))} == {box}
    assert [found.category_id for found in cache.objects(None, 1)] == [box]


class TestFrames:
    def test_what_is_not_there_is_named(self, cache):
        with pytest.raises(UnknownName, match="unknown video '7'"):
            cache.video(7)
        with pytest.raises(BadVideo, match=f"frames 0 to {N_FRAMES - 1}, got {N_FRAMES}"):
            cache.check(FrameRef(1, N_FRAMES))
        cache.check(FrameRef(1, N_FRAMES - 1))

    def test_a_video_that_came_later_is_found(self, office, cache, tmp_path):
        assert cache.video(1).name == "clip"
        assert not ingest_paths(office.ledger, [write_frames(tmp_path / "later", "second", 4)]).failed
        assert (cache.video(2).name, cache.image(FrameRef(2, 3)).shape) == ("second", (HEIGHT, WIDTH, 3))

    def test_of_a_video_that_was_purged_nothing_is_kept(self, office, cache):
        cache.picture(FrameRef(1, 2), "jpg", 16)
        office.ledger.finish_round(2, None)
        office.ledger.purge_video("clip", "lea")
        cache._places.clear()
        with pytest.raises(UnknownName, match="unknown video '1'"):
            cache.video(1)
        assert not cache._files
        assert not cache._images

    def test_a_video_that_was_moved_is_read_where_it_is_now(self, office, cache, tmp_path):
        before = cache.video(1).uri
        shutil.move(before, tmp_path / "elsewhere")
        office.ledger.move_video(1, str(tmp_path / "elsewhere"))
        cache._places.clear()
        assert cache.video(1).uri == str(tmp_path / "elsewhere")
        assert cache.image(FrameRef(1, 2)).shape == (HEIGHT, WIDTH, 3)

    def test_the_time_of_a_frame_is_in_seconds(self, cache):
        assert cache.time_seconds(FrameRef(1, 3)) == pytest.approx(0.12)

    def test_a_picture_has_the_size_and_kind_that_were_asked_for(self, cache):
        exact = cv2.imdecode(np.frombuffer(cache.picture(FrameRef(1, 2), "png", None), np.uint8), cv2.IMREAD_COLOR)
        assert np.array_equal(exact[..., ::-1], cache.image(FrameRef(1, 2)))
        small = cache.picture(FrameRef(1, 2), "jpg", 16)
        assert small.startswith(b"\xff\xd8")
        assert cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR).shape == (12, 16, 3)

    def test_what_was_seen_lately_needs_no_file_and_anything_else_does(self, cache, tmp_path):
        before = cache.picture(FrameRef(1, 2), "png", None)
        shutil.rmtree(tmp_path / "source")
        assert cache.picture(FrameRef(1, 2), "png", None) == before
        with pytest.raises(BadVideo):
            cache.picture(FrameRef(1, 3), "png", None)

    def test_many_threads_see_the_same(self, cache):
        frames = [FrameRef(1, i % N_FRAMES) for i in range(60)]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda frame: cache.picture(frame, "png", None), frames))
        assert [found[i] == found[i % N_FRAMES] for i in range(60)] == [True] * 60
        assert len(set(found)) == N_FRAMES


class TestQuestions:
    def test_a_request_that_is_not_there_is_named(self, cache):
        with pytest.raises(UnknownName):
            cache.question("r0009-v00001-f0000000")

    def test_one_that_was_read_needs_no_ledger(self, office, cache):
        (request,) = office.ask(3)
        known = office.ledger.question(request.request_id)
        cache.remember(known)
        assert cache.question(request.request_id) is known

    def test_a_round_has_its_own_settings_and_one_that_has_not_begun_those_of_the_last(self, office, cache):
        office.ledger.finish_round(2, None)
        office.ledger.begin_round(office.ledger.round(2).settings.changed({"annotator.lease_seconds": 420}))
        assert cache.settings_of(2).annotator.lease_seconds != 420
        assert cache.settings_of(3).annotator.lease_seconds == 420
        assert cache.settings_of(9).annotator.lease_seconds == 420
        assert cache.lease_seconds() == 420


class TestPrelabels:
    def test_a_task_shows_what_the_round_before_delivered(self, office, cache):
        (mask,) = masks(cache.shown(question(office, cache, 3)))
        assert np.array_equal(mask, mask_at(3))

    def test_a_request_that_comes_later_has_them_too(self, office, cache):
        cache.shown(question(office, cache, 3))
        (mask,) = masks(cache.shown(question(office, cache, 4)))
        assert np.array_equal(mask, mask_at(4))

    def test_a_round_without_one_before_it_shows_none(self, office, cache):
        (request,) = office.ask(2, round_id=1)
        assert not cache.shown(cache.question(request.request_id))

    def test_a_blind_task_shows_none_and_tells_nothing_of_its_video(self, tmp_path):
        with desk(tmp_path, blind_share=1.0) as office:
            cache = LabelCache(office.app.state.context)
            asked = question(office, cache, 3)
            assert cache.is_blind(asked)
            assert cache.is_measured(asked)
            assert cache.shown(asked) == ()
            assert cache.around(asked, FrameRef(1, 3)) == ()
            assert cache.around(asked, FrameRef(1, 4)) == ()
            assert len(cache.around(None, FrameRef(1, 4))) == 1

    def test_other_frames_show_what_people_said_else_what_was_delivered(self, office, cache):
        asked = question(office, cache, 3, 1)
        assert not cache.is_measured(asked)
        (around,) = cache.around(asked, FrameRef(1, 5))
        assert (around.provenance, around.frame_idx) == (Provenance.PROPAGATED, 5)
        other = office.ledger.requests(2)[1]
        label = FrameLabel(other.frame, (square(0, track_id=4),))
        office.ledger.put_answer(Answer("a1", other.request_id, label, LabelKind.MASK, 10.0, "ada"))
        (around,) = cache.around(asked, FrameRef(1, 1))
        assert (around.provenance, around.track_id, around.confidence) == (Provenance.HUMAN, 4, 1.0)
        assert np.array_equal(decode(around.rle), mask_at(0))

    def test_without_predictions_there_is_no_file_and_no_uncertainty(self, office, cache):
        assert cache.predictions_of(1) is None
        assert cache.uncertainty(question(office, cache, 3)) == {}


def test_a_lease_is_renewed_by_gestures_no_more_often_than_need_be(tmp_path):
    with desk(tmp_path) as office:
        (request,) = office.ask(3)
        office.ledger.add_annotator("ada")
        task, cache = office.ledger.claim("ada", 20.0), office.app.state.label_cache
        cache.renew(request.request_id, "ada", task.lease)
        assert office.ledger.task_of("ada").seconds_left > 200
        office.ledger.renew(request.request_id, "ada", task.lease, 20.0)
        cache.renew(request.request_id, "ada", task.lease)
        assert office.ledger.task_of("ada").seconds_left < 30
        with pytest.raises(StaleLease):
            cache.renew(request.request_id, "ada", "stolen")
