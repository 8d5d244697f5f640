"""What OpenAPI says of bodies and replies that no model class stands for."""

from typing import Any

__all__ = ["APPLY", "BATCH", "OUTCOMES", "answers"]

_TEXT: dict[str, Any] = {"type": "string"}
_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
_TIME: dict[str, Any] = {"type": "string", "format": "date-time", "description": "ISO 8601; without an offset UTC"}
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}

_BATCH_ID: dict[str, Any] = {
    "type": "string",
    "maxLength": 128,
    "description": "makes a retry harmless; or the header Idempotency-Key. Without either, a retry is not idempotent.",
}

_ROW: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 128},
        "at": _TIME,
        "features": {"type": "object", "additionalProperties": _SCALAR},
        "tags": {"type": "object", "additionalProperties": _SCALAR},
        "prediction": _SCALAR,
        "score": {"type": ["number", "null"]},
        "latency_seconds": {"type": ["number", "null"], "minimum": 0},
        "error": {"type": ["string", "boolean", "null"], "description": "null or false: served"},
        "request_id": {"type": ["string", "null"]},
        "entity": {"type": ["string", "null"], "description": "the key by which a person's rows are erased"},
    },
}

_BATCH_JSON: dict[str, Any] = {
    "type": "object",
    "required": ["model", "rows"],
    "properties": {
        "batch_id": _BATCH_ID,
        "model": _TEXT,
        "environment": {"type": "string", "default": "production"},
        "version": _TEXT,
        "deployment": {"type": "string", "default": "default"},
        "rows": {"type": "array", "items": _ROW},
    },
    "example": {
        "batch_id": "curl-1",
        "model": "flights",
        "version": "1",
        "rows": [{"id": "f-1", "at": "2013-07-01T12:00:00Z", "features": {"carrier": "AA"}, "score": 0.7}],
    },
}

_OUTCOME: dict[str, Any] = {
    "type": "object",
    "required": ["value"],
    "properties": {
        "id": {"type": "string", "description": "of the prediction; or give request_id"},
        "request_id": {"type": "string", "description": "reaches every version that answered the request"},
        "value": {**_SCALAR, "description": "null takes an earlier outcome back"},
        "at": {**_TIME, "description": "when it became known; now, if left out"},
    },
}

_OUTCOMES_JSON: dict[str, Any] = {
    "type": "object",
    "required": ["model", "outcomes"],
    "properties": {
        "batch_id": _BATCH_ID,
        "model": _TEXT,
        "environment": {"type": "string", "default": "production"},
        "outcomes": {"type": "array", "items": _OUTCOME},
    },
}

_HEADERS: list[dict[str, Any]] = [
    {"name": name, "in": "header", "required": False, "schema": _TEXT, "description": description}
    for name, description in (
        ("Idempotency-Key", "the batch id, where the body has none"),
        ("Content-Encoding", "zlib, gzip or zstd"),
        ("Driftwatch-Sent-At", "the client's clock, so that a wrong one is seen"),
    )
]

BATCH: dict[str, Any] = {
    "parameters": _HEADERS,
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _BATCH_JSON},
            "application/vnd.driftwatch.frame": _BINARY,
            "application/vnd.apache.arrow.stream": _BINARY,
        },
    },
}

OUTCOMES: dict[str, Any] = {
    "parameters": _HEADERS,
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _OUTCOMES_JSON},
            "application/vnd.driftwatch.outcomes": _BINARY,
        },
    },
}

APPLY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["documents"],
                    "properties": {
                        "documents": {
                            "type": "array",
                            "minItems": 1,
                            "items": {
                                "type": "object",
                                "description": "of kind model, monitor, receiver, route or silence, as in a file",
                            },
                        }
                    },
                    "example": {
                        "documents": [
                            {"kind": "receiver", "name": "ops", "type": "slack", "webhook_url": "env:OPS_SLACK_URL"}
                        ]
                    },
                }
            }
        },
    },
}

_REPLY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "batch_id": _TEXT,
        "accepted": {"type": "integer"},
        "duplicates": {"type": "integer"},
        "quarantined": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "row": {"type": ["integer", "null"]},
                    "column": {"type": ["string", "null"]},
                    "reason": _TEXT,
                },
            },
        },
        "idempotent": {"type": "boolean", "description": "whether sending the same batch again is harmless"},
    },
}

_FAULT: dict[str, Any] = {
    "type": "object",
    "properties": {"detail": _TEXT, "path": {"type": ["string", "null"], "description": "where the fault is"}},
}

_WORDS = {
    200: "seen before: nothing was stored now",
    202: "stored",
    400: "the body cannot be read",
    401: "no valid API key",
    403: "the key may not do this",
    404: "not found",
    409: "it contradicts what is stored: the same id with other content, a document that another one names",
    413: "too large",
    415: "a type or an encoding that is not known",
    422: "the body can be read and contradicts the contract",
    429: "too many requests of one caller; see Retry-After",
    503: "too much under way, or the store cannot be reached; see Retry-After",
}


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for the statuses of a route."""
    return {
        status: {
            "description": _WORDS[status],
            "content": {"application/json": {"schema": _REPLY if status in (200, 202) else _FAULT}},
        }
        for status in statuses
    }
