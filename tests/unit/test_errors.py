import inspect

import pytest

from driftwatch import errors
from driftwatch._optional import require

TREE = errors.__doc__ or ""
CLASSES = [member for _, member in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_stands_in_the_drawn_tree_under_its_parent(error: type[Exception]) -> None:
    lines = TREE.splitlines()
    (line,) = (i for i, text in enumerate(lines) if error.__name__ in text.split()[:4])
    if error is errors.DriftwatchError:
        return
    depth = lines[line].index(error.__name__)
    above = [text for text in lines[:line] if text.strip(" │├└─") and _start(text) < depth]
    parent = error.__mro__[1].__name__
    assert above[-1].strip(" │├└─").split()[0] == parent


def _start(text: str) -> int:
    return len(text) - len(text.lstrip(" │├└─"))


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.SpecError("x"), 422, 2),
        (errors.NotFoundError("x"), 404, 2),
        (errors.FrameError("x"), 400, 1),
        (errors.ConflictError("x"), 409, 1),
        (errors.BusyError("x", retry_after_seconds=1.0), 429, 1),
        (errors.StoreError("x"), 503, 1),
        (errors.MissingPartError("x", extra="demo"), 500, 2),
    ],
)
def test_one_table_maps_errors_to_statuses_and_exit_codes(
    error: errors.DriftwatchError, status: int, code: int
) -> None:
    assert errors.http_status(error) == status
    assert errors.exit_code(error) == code


def test_a_missing_optional_package_is_named_with_its_command() -> None:
    with pytest.raises(errors.MissingPartError, match=r"pip install 'driftwatch-monitor\[demo\]'"):
        require("no_such_package_here.part", extra="demo", purpose="The demo")
