"""The record format between the SDK and the service: the standard library and ormsgpack, nothing else.

`frame` holds predictions, `outcome` holds ground truth, `rows` reads the JSON form of both, `body` undoes
`Content-Encoding`, `kind` decides what a value is, `column` packs a column, `identity` makes ids.
"""

from driftwatch.wire.body import decompress
from driftwatch.wire.column import BadValue, FeatureColumn, build_column, from_bytes, to_bytes
from driftwatch.wire.envelope import VERSION
from driftwatch.wire.frame import CONTENT_TYPE, MAGIC, Frame, decode, encode
from driftwatch.wire.identity import new_id
from driftwatch.wire.kind import KINDS, MAX_ID_BYTES, MAX_TEXT_BYTES, clean_text, kind_of
from driftwatch.wire.outcome import (
    OUTCOME_CONTENT_TYPE,
    OUTCOME_MAGIC,
    OutcomeFrame,
    decode_outcomes,
    encode_outcomes,
    is_outcomes,
)
from driftwatch.wire.rows import BadRow, frame_from_rows, outcomes_from_rows

__all__ = [
    "CONTENT_TYPE",
    "KINDS",
    "MAGIC",
    "MAX_ID_BYTES",
    "MAX_TEXT_BYTES",
    "OUTCOME_CONTENT_TYPE",
    "OUTCOME_MAGIC",
    "VERSION",
    "BadRow",
    "BadValue",
    "FeatureColumn",
    "Frame",
    "OutcomeFrame",
    "build_column",
    "clean_text",
    "decode",
    "decode_outcomes",
    "decompress",
    "encode",
    "encode_outcomes",
    "frame_from_rows",
    "from_bytes",
    "is_outcomes",
    "kind_of",
    "new_id",
    "outcomes_from_rows",
    "to_bytes",
]
