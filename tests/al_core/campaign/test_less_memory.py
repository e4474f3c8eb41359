from al_core.campaign.less_memory import less_memory, what_to_lower
from al_core.settings import Settings


def lowered(step, **student):
    names = {f"student.{name}": value for name, value in student.items()}
    return less_memory(Settings().changed(names), step)


def test_a_training_takes_fewer_frames_at_a_time_first_and_smaller_ones_then():
    assert lowered("train", batch_size=5) == {"student.batch_size": 2}
    assert lowered("train", batch_size=1, long_side=320) == {"student.long_side": 224}


def test_a_prediction_sees_one_frame_at_a_time_so_only_its_size_counts():
    assert lowered("predict", batch_size=8, long_side=640) == {"student.long_side": 480}


def test_there_is_an_end():
    assert lowered("train", batch_size=1, long_side=96) == {}
    assert lowered("propagate", batch_size=8) == {}


def test_what_costs_memory_is_told_with_its_value():
    assert what_to_lower(Settings()).startswith("lower student.long_side (320), student.batch_size (2), ")
