"""Texts as numbers: how long they are, how many words, how much of them is no letter, how much was never seen.

A text itself is not profiled: what drifts shows in the numbers that are derived from it. Whether its characters were
seen before is asked of its trigrams (three neighbouring characters, in any language and script; Cavnar and Trenkle
1994), against a *vocabulary* of hashed trigrams that was made from earlier texts.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import ormsgpack
import zstandard
from numpy.typing import NDArray

from driftwatch.profiles.bucket import CategoricalColumn, NumericColumn

__all__ = ["DERIVED", "LEAST_TEXTS", "UNSEEN", "Vocabulary", "derive", "derived_names"]

LENGTH, WORDS, NON_LETTERS, UNSEEN = "length", "words", "non_letters", "out_of_vocabulary"

DERIVED = (LENGTH, WORDS, NON_LETTERS, UNSEEN)
"""What becomes of a text column, each as a numeric feature ``column.what``; the last one needs a vocabulary."""

LEAST_TEXTS = 1000
"""Texts from which a vocabulary is made."""

_BITS = 20
_MOST_CHARACTERS = 1 << 22  # looked at together: 16 MiB
_LONGEST = 4096  # of a longer text only so many characters are looked at for what they are
_MULTIPLIERS = tuple(np.uint32(each) for each in (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F))
_GAP = "\n"
_SPACE, _LETTER = 1, 2


@dataclass(frozen=True)
class Vocabulary:
    """Trigrams that were seen, as hashes in a set of 2^20 bits.

    Attributes:
        bits: bool[2^20].
    """

    bits: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.bits.shape != (1 << _BITS,) or self.bits.dtype != np.bool_:
            raise ValueError(f"a vocabulary has {1 << _BITS:,} bits, not an array of shape {self.bits.shape}")
        self.bits.setflags(write=False)

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Vocabulary":
        """The trigrams of these texts."""
        bits = np.zeros(1 << _BITS, dtype=np.bool_)
        for some in _batches(texts):
            characters, starts = _characters(some)
            hashes, inside = _trigrams(characters, _kinds()[characters], starts)
            bits[hashes[inside[: len(hashes)]]] = True
        return cls(bits)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def digest(self) -> bytes:
        """The vocabulary's identity: 16 bytes of blake2b."""
        return hashlib.blake2b(np.packbits(self.bits).tobytes(), digest_size=16).digest()

    def to_bytes(self) -> bytes:
        """Compressed msgpack: about two bytes a trigram."""
        packed = zstandard.ZstdCompressor(level=9).compress(np.packbits(self.bits).tobytes())
        return ormsgpack.packb({"v": 1, "bits": packed})

    @classmethod
    def from_bytes(cls, payload: bytes) -> "Vocabulary":
        """Read what :meth:`to_bytes` wrote.

        Raises:
            ValueError: these are not the bytes of a vocabulary.
        """
        try:
            fields = ormsgpack.unpackb(payload)
            version = fields["v"]
            packed = zstandard.ZstdDecompressor().decompress(fields["bits"], max_output_size=1 << (_BITS - 3))
        except (KeyError, TypeError, ValueError, zstandard.ZstdError) as error:
            raise ValueError("these bytes are not a vocabulary") from error
        if version != 1:
            raise ValueError(f"a vocabulary of format {version!r} cannot be read by this release")
        return cls(np.unpackbits(np.frombuffer(packed, dtype=np.uint8)).astype(np.bool_))


def derived_names(column: str) -> tuple[str, ...]:
    """The features that a text column becomes.

    >>> derived_names("review")
    ('review.length', 'review.words', 'review.non_letters', 'review.out_of_vocabulary')
    """
    return tuple(f"{column}.{what}" for what in DERIVED)


def derive(name: str, column: CategoricalColumn, vocabulary: Vocabulary | None) -> dict[str, NumericColumn]:
    """What is derived from a text column, by feature; missing where the text is.

    Args:
        name: the column's.
        column: the texts.
        vocabulary: None while there is none: the share of what was never seen is then left out.

    Returns:
        ``length`` in characters, ``words`` between white space, the share of characters that are no letters (white
        space is neither) and of trigrams that the vocabulary does not hold. An empty text has no shares.
    """
    parts = [_numbers(some, vocabulary) for some in _batches(column.dictionary)]
    table = np.concatenate(parts) if parts else np.zeros((0, len(DERIVED)))
    padded = np.concatenate((table, np.full((1, len(DERIVED)), np.nan)))
    values = padded[column.codes]
    wanted = DERIVED if vocabulary is not None else DERIVED[:-1]
    return {f"{name}.{what}": _column(values[:, place]) for place, what in enumerate(wanted)}


def _column(values: NDArray[np.float64]) -> NumericColumn:
    nulls = np.isnan(values)
    return NumericColumn(np.ascontiguousarray(values), nulls if nulls.any() else None)


def _batches(texts: Sequence[str]) -> list[Sequence[str]]:
    """Texts of some million characters at a time."""
    batches: list[Sequence[str]] = []
    start = size = 0
    for place, text in enumerate(texts):
        size += min(len(text), _LONGEST) + 1
        if size > _MOST_CHARACTERS:
            batches.append(texts[start : place + 1])
            start, size = place + 1, 0
    return [*batches, texts[start:]] if start < len(texts) else batches


def _numbers(texts: Sequence[str], vocabulary: Vocabulary | None) -> NDArray[np.float64]:
    """float64[n, 4], in the order of :data:`DERIVED`."""
    characters, starts = _characters(texts)
    kinds = _kinds()[characters]
    solid = kinds != _SPACE
    heads = solid.copy()
    heads[1:] &= ~solid[:-1]
    table = np.full((len(texts), len(DERIVED)), np.nan)
    table[:, 0] = [len(text) for text in texts]
    table[:, 1] = np.add.reduceat(heads, starts, dtype=np.int32)
    total = np.add.reduceat(solid, starts, dtype=np.int32)
    letters = np.add.reduceat(kinds == _LETTER, starts, dtype=np.int32)
    table[:, 2] = (total - letters) / np.where(total > 0, total, np.nan)
    if vocabulary is not None:
        hashes, inside = _trigrams(characters, kinds, starts)
        counts = np.add.reduceat(inside, starts, dtype=np.int32)
        inside[: len(hashes)] &= ~vocabulary.bits[hashes]
        table[:, 3] = np.add.reduceat(inside, starts, dtype=np.int32) / np.where(counts > 0, counts, np.nan)
    return table


def _characters(texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The code points of all texts in lower case, each followed by a line break, and where each text starts."""
    shortened = [text[:_LONGEST].lower() for text in texts]
    joined = _GAP.join(shortened) + _GAP
    characters = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    lengths = np.fromiter(map(len, shortened), np.int64, len(texts)) + 1
    return characters, np.concatenate(([0], np.cumsum(lengths)[:-1]))


def _trigrams(
    characters: NDArray[np.uint32], kinds: NDArray[np.uint8], starts: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """The hash of the trigram at every character but the last two, int32[N - 2]; and bool[N], those within one text."""
    codes = np.where(kinds == _SPACE, np.uint32(ord(" ")), characters)
    with np.errstate(over="ignore"):
        mixed = codes[:-2] * _MULTIPLIERS[0]
        mixed += codes[1:-1] * _MULTIPLIERS[1]
        mixed += codes[2:] * _MULTIPLIERS[2]
        mixed ^= mixed >> np.uint32(15)
        mixed *= _MULTIPLIERS[3]
    mixed >>= np.uint32(32 - _BITS)
    inside = np.ones(len(codes), dtype=np.bool_)
    stops = np.concatenate((starts[1:], [len(codes)])) - 1
    for back in range(3):
        inside[np.maximum(stops - back, starts)] = False
    return mixed.view(np.int32), inside


@cache
def _kinds() -> NDArray[np.uint8]:
    """uint8[0x110000]: what each character is."""
    text = np.arange(0x110000, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    kinds = np.zeros(len(text), dtype=np.uint8)
    kinds[np.fromiter(map(str.isspace, text), np.bool_, len(text))] = _SPACE
    kinds[np.fromiter(map(str.isalpha, text), np.bool_, len(text))] = _LETTER
    return kinds
