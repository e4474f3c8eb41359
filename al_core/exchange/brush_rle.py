"""The run-length code in which Label Studio keeps brush masks.

A mask is coded as an RGBA image, four bytes a pixel, row by row; alpha says what is painted. The code is a row of bits:
the number of bytes (32 bits), the word size - 1 (5), four lengths - 1 (4 each); then, until all bytes are there, a bit
that says whether one byte is repeated, two bits that choose one of the four lengths, the number of bytes - 1 in as many
bits as that length says, and the byte, or the bytes.

The editor's brush paints soft edges: alpha between 1 and 254. What counts as painted is one rule, ``ALPHA``.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadLabel

ALPHA = 128
"""A pixel belongs to a mask when its alpha is at least this."""

_CHANNELS = 4
_LENGTHS = np.array([3, 4, 8, 16])
_LARGEST = 1 << 16
_HEADER_BITS = 32 + 5 + 4 * 4
_MOST_BYTES_PER_PIXEL = 5
"""A pixel alone, written byte by byte with its own length, takes 38 bits; no writer needs more."""


def encode_brush(mask: NDArray[np.bool_]) -> list[int]:
    """Encode a mask of shape [h, w] as bytes in [0, 255]; painted pixels are white with alpha 255."""
    if mask.ndim != 2 or not mask.size:
        raise ValueError(f"a mask has the shape [height, width], got {list(mask.shape)}")
    flat = np.asarray(mask, bool).ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = np.concatenate(([0], edges))
    runs = np.diff(np.append(starts, flat.size)) * _CHANNELS
    lengths, painted = _split(runs, flat[starts])
    size = np.searchsorted(1 << _LENGTHS, lengths)
    width = _LENGTHS[size]
    codes = ((4 | size) << (width + 8)) | ((lengths - 1) << 8) | np.where(painted, 255, 0)
    bits = np.concatenate((_header(flat.size * _CHANNELS), _bits(codes, width + 11)))
    return np.packbits(bits).tolist()


def decode_brush(code: Sequence[int], height: int, width: int) -> NDArray[np.bool_]:
    """Decode a mask of shape [height, width].

    Raises:
        BadLabel: it is no such code, or that of an image of another size.
    """
    n_bytes = height * width * _CHANNELS
    if len(code) > _MOST_BYTES_PER_PIXEL * height * width + 16:
        raise BadLabel(f"a brush mask of {len(code)} bytes is too long for {height}x{width} pixels (height x width)")
    try:
        bits = np.unpackbits(np.frombuffer(bytes(code), np.uint8))
    except (TypeError, ValueError):
        raise BadLabel("the code of a brush mask is a list of bytes in [0, 255]") from None
    text = (bits + ord("0")).tobytes().decode("ascii")
    if len(text) < _HEADER_BITS or int(text[32:37], 2) != 7:
        raise BadLabel("the code of a brush mask does not begin as one")
    if int(text[:32], 2) != n_bytes:
        pixels = int(text[:32], 2) / _CHANNELS
        raise BadLabel(f"a brush mask holds {pixels:g} pixels, its frame {height}x{width} (height x width)")
    return _values(text, bits, n_bytes).reshape(height, width, _CHANNELS)[..., 3] >= ALPHA


def _split(runs: NDArray[np.int64], painted: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Cut runs into pieces of at most 65536 bytes."""
    pieces = -(-runs // _LARGEST)
    lengths = np.full(int(pieces.sum()), _LARGEST, np.int64)
    lengths[np.cumsum(pieces) - 1] = runs - (pieces - 1) * _LARGEST
    return lengths, np.repeat(painted, pieces)


def _header(n_bytes: int) -> NDArray[np.uint8]:
    values = np.array([n_bytes, 7, *(_LENGTHS - 1)], np.int64)
    return _bits(values, np.array([32, 5, 4, 4, 4, 4]))


def _bits(values: NDArray[np.int64], widths: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Write each value in as many bits as its width says, highest first, one after the other."""
    ends = np.cumsum(widths)
    shifts = np.repeat(ends, widths) - 1 - np.arange(int(ends[-1]))
    return ((np.repeat(values, widths) >> shifts) & 1).astype(np.uint8)


def _values(text: str, bits: NDArray[np.uint8], n_bytes: int) -> NDArray[np.uint8]:
    """Return the bytes that a code holds, uint8 [n_bytes]; ``text`` and ``bits`` are the same code."""
    lengths = [int(text[start : start + 4], 2) + 1 for start in (37, 41, 45, 49)]
    found = np.empty(n_bytes, np.uint8)
    done, place = 0, _HEADER_BITS
    while done < n_bytes:
        head = text[place : place + 3]
        if len(head) < 3:
            raise BadLabel("the code of a brush mask ends too early")
        length = lengths[int(head[1:], 2)]
        start = place + 3 + length
        count = int(text[place + 3 : start] or "0", 2) + 1
        place = start + 8 * (1 if head[0] == "1" else count)
        if place > len(text) or done + count > n_bytes:
            raise BadLabel("the code of a brush mask ends too early, or tells more pixels than it announces")
        told = np.packbits(bits[start:place]) if head[0] == "0" else int(text[start:place], 2)
        found[done : done + count] = told
        done += count
    return found
