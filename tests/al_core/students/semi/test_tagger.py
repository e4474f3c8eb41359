"""A classifier of whole frames learns what they show, rules the rest out, and is changed by nobody else."""

import copy

import torch

from al_core.students.semi.tagger import FrameTagger


def frames(categories: list[int], seed: int) -> torch.Tensor:
    """Frames whose colour tells the category."""
    noise = torch.randn(len(categories), 3, 32, 40, generator=torch.Generator().manual_seed(seed))
    for i, category in enumerate(categories):
        noise[i, category] += 3
    return noise


def test_what_a_frame_does_not_show_is_ruled_out() -> None:
    tagger, rng = FrameTagger(2, 3), torch.Generator().manual_seed(1)
    shown = torch.eye(2)
    assert not tagger.absent(frames([0, 1], 0)).any()
    for step in range(25):
        tagger.learn(frames([0, 1], step), shown, frames([1, 0], 100 + step), rng)
    assert tagger.absent(frames([0, 1], 1000)).tolist() == [[False, True], [True, False]]


def test_its_teacher_follows_and_nothing_takes_gradients() -> None:
    tagger = FrameTagger(2, 3)
    before = copy.deepcopy(tagger.state_dict())
    tagger.learn(frames([0, 1], 0), torch.eye(2), frames([0, 0], 1), torch.Generator().manual_seed(1))
    after = tagger.state_dict()
    assert int(after["updates"]) == 1
    assert any(not torch.equal(before[name], after[name]) for name in after if name.startswith("student"))
    # The first update forgets the random start.
    weights = [name for name in after if name.startswith("student")]
    assert all(torch.equal(after[name], after[name.replace("student", "teacher")]) for name in weights)
    assert not any(p.requires_grad for p in tagger.parameters())
