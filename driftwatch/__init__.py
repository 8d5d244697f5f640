"""driftwatch: model monitoring and drift detection.

``Client`` logs predictions from serving code; ``compare`` and ``backtest`` work on files and frames. Names are
loaded when they are first used (PEP 562), so that serving code pays for the client alone.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from driftwatch.sdk import Client as Client
    from driftwatch.service.backtest import backtest as backtest
    from driftwatch.service.comparison import compare as compare

__all__ = ["Client", "__version__", "backtest", "compare"]

__version__ = "0.1.0"

_HOMES = {
    "Client": "driftwatch.sdk",
    "backtest": "driftwatch.service.backtest",
    "compare": "driftwatch.service.comparison",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'driftwatch' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
