"""Log lines that people read and machines split: time, level, logger, words; `key=value` where there are facts."""

import logging
import sys
from typing import TextIO

from driftwatch.domain.instant import to_iso

__all__ = ["set_up_logging"]

_QUIET = {"apscheduler": logging.ERROR, "uvicorn": logging.WARNING, "uvicorn.access": logging.ERROR}


class _Line(logging.Formatter):
    """``2026-01-01T12:00:00.000000+00:00 info driftwatch.api words``; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        at = to_iso(int(record.created * 1e6))
        line = f"{at} {record.levelname.lower()} {record.name} {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def set_up_logging(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send everything from `level` on to `stream` (stderr), and quieten the libraries that talk about themselves."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Line())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("driftwatch").setLevel(level)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(quiet)
