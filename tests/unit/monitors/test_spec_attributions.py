"""Where a log's attributions are: declared by feature, else known by their name."""

import pytest

from driftwatch.errors import SpecError
from driftwatch.monitors.spec import parse_model_spec

DOCUMENT = {"model": "m", "columns": {"timestamp": "ts"}}


def test_declared_attributions_are_read_and_written_back() -> None:
    spec = parse_model_spec({**DOCUMENT, "attributions": {"price": "shap_price"}})
    assert spec.attribution_columns(["attribution.age"]) == {"price": "shap_price"}
    assert parse_model_spec(spec.to_dict()) == spec


def test_undeclared_ones_are_known_by_their_name() -> None:
    spec = parse_model_spec(DOCUMENT)
    assert spec.attribution_columns(["price", "attribution.price"]) == {"price": "attribution.price"}


def test_a_feature_without_a_column_is_an_error_that_names_it() -> None:
    with pytest.raises(SpecError, match=r"attributions\.price: give the column"):
        parse_model_spec({**DOCUMENT, "attributions": {"price": None}})
