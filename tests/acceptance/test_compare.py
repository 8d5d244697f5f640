"""``driftwatch.compare`` and ``driftwatch compare``: the contract, the findings, and bad input."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from numpy.typing import NDArray
from scipy import stats
from typer.testing import CliRunner

import driftwatch
from driftwatch.cli.compare import register
from driftwatch.drift.measures import measures_of
from driftwatch.errors import DataError, DriftwatchError, SpecError, UnknownNameError
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.service.comparison import Comparison, compare
from driftwatch.service.comparison_result import ColumnComparison

Frame = dict[str, Any]
COLUMN_KEYS = {
    "column", "kind", "drifted", "severity", "n_reference", "n_current", "missing_reference", "missing_current",
    "measures", "findings",
}  # fmt: skip


def rows(n: int, seed: int = 0) -> Frame:
    rng = np.random.default_rng(seed)
    return {
        "adr": rng.lognormal(4.5, 0.4, n),
        "nights": rng.poisson(3, n),
        "country": rng.choice(["PT", "GB", "DE"], n, p=[0.5, 0.3, 0.2]).astype(object),
        "vip": rng.random(n) < 0.1,
    }


REFERENCE, SAME = rows(4000), rows(2000, 1)


def changed(**columns: Any) -> Frame:
    return {**SAME, **columns}


def column(comparison: Comparison, name: str) -> ColumnComparison:
    return next(each for each in comparison.columns if each.column == name)


def kinds(result: ColumnComparison) -> list[str]:
    return [finding.kind for finding in result.findings]


def with_missing(values: NDArray[Any], share: float) -> NDArray[Any]:
    values = np.array(values, dtype=object)
    values[np.random.default_rng(9).random(len(values)) < share] = None
    return values


def test_the_same_distribution_is_no_drift() -> None:
    comparison = compare(REFERENCE, SAME)
    assert comparison.verdict == "no_drift"
    assert comparison.sentence.startswith("No drift in 4 columns")
    assert not comparison.drifted
    assert not comparison.multivariate.drifted
    assert driftwatch.compare(REFERENCE, SAME).to_dict() == comparison.to_dict()


def test_the_dictionary_is_the_contract_and_json() -> None:
    document = compare(REFERENCE, changed(adr=SAME["adr"] * 2)).to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["schema"] == 1
    assert document["verdict"] == "drift"
    assert (document["reference"], document["current"]) == ({"rows": 4000}, {"rows": 2000})
    assert all(set(each) == COLUMN_KEYS for each in document["columns"])
    assert document["columns"][0]["column"] == "adr"
    assert {"method", "value", "p_value", "direction", "unit"} <= set(document["columns"][0]["measures"][0])
    assert set(document["multivariate"]) == {"method", "value", "p_value", "drifted"}


@pytest.mark.parametrize(
    ("name", "values", "kind", "severity"),
    [
        ("adr", SAME["adr"] * 1.6, "drift", "warning"),
        ("adr", SAME["adr"] * 0.6, "drift", "warning"),
        ("adr", with_missing(SAME["adr"], 0.2), "missing_rate", "warning"),
        ("adr", np.full(2000, 90.0), "constant", "warning"),
        ("adr", [None] * 2000, "empty", "critical"),
        ("adr", np.full(2000, np.nan), "empty", "critical"),
        ("adr", [f"about {x:.0f}" for x in SAME["adr"]], "retyped", "critical"),
        ("nights", [str(x) if i % 10 else "n/k" for i, x in enumerate(SAME["nights"])], "retyped", "critical"),
        ("vip", SAME["nights"], "retyped", "critical"),
        ("country", np.where(np.arange(2000) % 5 == 0, "BR", SAME["country"]), "new_category", "warning"),
        ("country", np.roll(SAME["country"], 7)[np.argsort(SAME["country"] == "PT")][:2000], "", "none"),
        ("nights", np.where(np.arange(2000) % 9 == 0, 99, SAME["nights"]), "range", "warning"),
        ("adr", np.where(np.arange(2000) < 3, 1e308, SAME["adr"]), "range", "watch"),
        ("adr", np.where(np.arange(2000) < 3, np.inf, SAME["adr"]), "range", "watch"),
        ("country", np.where(np.arange(2000) < 3, "BR", SAME["country"]), "new_category", "watch"),
    ],
    ids=[
        "up", "down", "missing", "constant", "empty", "all NaN", "words", "some words", "true/false to numbers",
        "new category", "another order", "new numbers", "1e308", "infinite", "rare new category",
    ],
)  # fmt: skip
def test_every_fault_is_a_finding_of_its_own_and_leaves_the_others_alone(
    name: str, values: Any, kind: str, severity: str
) -> None:
    comparison = compare(REFERENCE, changed(**{name: values}))
    found = column(comparison, name)
    assert found.severity == severity
    assert found.drifted == (severity in {"warning", "critical"})
    assert kind in kinds(found) or not kind
    others = [each for each in comparison.columns if each.column != name]
    assert [each.severity.value for each in others] == ["none"] * 3
    assert all(each.judged and each.measures for each in others)


def test_a_missing_rate_from_2_to_20_percent_is_found() -> None:
    reference = {**REFERENCE, "adr": with_missing(REFERENCE["adr"], 0.02)}
    found = column(compare(reference, changed(adr=with_missing(SAME["adr"], 0.2))), "adr")
    assert kinds(found) == ["missing_rate"]
    assert "→" in found.findings[0].detail
    assert found.missing_reference == pytest.approx(0.02, abs=0.007)
    assert found.missing_current == pytest.approx(0.2, abs=0.02)


def test_infinities_that_rise_are_as_missing_values_with_times_and_without() -> None:
    found = column(compare(REFERENCE, changed(adr=np.where(np.arange(2000) % 5 == 0, np.inf, SAME["adr"]))), "adr")
    assert found.severity.value == "warning"
    assert found.findings[0].detail == "more rows without a finite value: 0 % → 20 %"
    assert found.missing_current == 0.0
    everywhere = column(compare(REFERENCE, changed(adr=np.full(2000, -np.inf))), "adr")
    assert everywhere.drifted
    now = hours(3, "2024-01-29", seed=1)
    broken = {**now, "temp": np.where(np.arange(len(now["temp"])) % 5 == 0, np.inf, now["temp"])}
    assert compare(hours(28, "2024-01-01"), broken, spec()).drifted == ("temp",)


def test_columns_that_come_and_go_are_findings() -> None:
    current = {name: values for name, values in SAME.items() if name != "nights"} | {"new": np.arange(2000.0)}
    comparison = compare(REFERENCE, current)
    gone, added = column(comparison, "nights"), column(comparison, "new")
    assert (kinds(gone), gone.severity, gone.drifted) == (["vanished"], "critical", True)
    assert (kinds(added), added.severity, added.drifted) == (["added"], "watch", False)
    assert comparison.columns[0].column == "nights"


def test_a_correlation_that_breaks_is_drift_though_no_column_moved() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(3, 4000))
    reference = {"a": x[0], "b": 0.95 * x[0] + 0.3 * x[1], "c": x[2]}
    y = rng.normal(size=(3, 2000))
    current = {"a": y[0], "b": y[1], "c": y[2]}
    comparison = compare(reference, current)
    assert not comparison.drifted
    assert comparison.multivariate.drifted
    assert comparison.verdict == "drift"
    assert "the way they move together" in comparison.sentence


def test_pure_noise_is_called_drift_in_about_one_of_a_hundred_files() -> None:
    # 40 comparisons of 8 columns: at 1% each, 4 or more false verdicts have a chance below 0.001.
    false = 0
    for seed in range(40):
        rng = np.random.default_rng(1000 + seed)
        sides: list[Frame] = [
            {f"x{i}": rng.normal(size=n) for i in range(5)}
            | {f"c{i}": rng.choice(list("abcdefghij"), n) for i in range(3)}
            for n in (500, 300)
        ]
        false += compare(sides[0], sides[1]).verdict == "drift"
    assert false <= 3


def test_identical_categoricals_of_50_values_are_not_flagged() -> None:
    rng = np.random.default_rng(0)
    names = np.array([f"c{i}" for i in range(50)])
    comparison = compare({"c": rng.choice(names, 1001)}, {"c": rng.choice(names, 1001)})
    assert comparison.verdict == "no_drift"
    assert (comparison.columns[0].measures[2].value or 0) > 0.1  # where the customary Jensen-Shannon cut-off is


@pytest.mark.parametrize("name", ["adr", "nights"])
def test_all_methods_are_scipy_s_on_the_raw_values(name: str) -> None:
    a, b = np.asarray(REFERENCE[name], dtype=float), np.asarray(SAME[name], dtype=float)
    comparison = compare(REFERENCE, SAME, methods="all")
    values = {each.method: each for each in column(comparison, name).measures}
    assert set(values) == set(measures_of("numeric"))
    assert values["kolmogorov_smirnov"].value == pytest.approx(stats.ks_2samp(a, b).statistic, rel=1e-9)
    assert values["wasserstein_distance"].value == pytest.approx(stats.wasserstein_distance(a, b), rel=1e-9)
    assert values["energy_distance"].value == pytest.approx(stats.energy_distance(a, b), rel=1e-9)
    assert values["welch_t"].p_value == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, rel=1e-9)
    country = {each.method for each in column(comparison, "country").measures}
    assert country == set(measures_of("categorical"))


def test_methods_are_chosen_by_name_or_alias() -> None:
    found = column(compare(REFERENCE, SAME, methods="ks, js"), "adr")
    assert [each.method for each in found.measures] == ["kolmogorov_smirnov", "jensen_shannon_distance"]
    with pytest.raises(UnknownNameError, match="Did you mean"):
        compare(REFERENCE, SAME, methods="kolmogorov")


def test_large_files_are_measured_on_their_profiles_with_the_same_numbers() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=150_000), rng.normal(0.3, 1, 150_000)
    found = compare({"x": a}, {"x": b}).columns[0]
    exact = {each.method: each.value for each in compare({"x": a}, {"x": b}, methods="all").columns[0].measures}
    assert found.measures[0].approximations
    for each in found.measures:
        assert each.value == pytest.approx(exact[each.method], rel=0.01, abs=1e-4)


@pytest.mark.parametrize("n", [0, 1, 29])
def test_too_few_rows_are_no_verdict(n: int) -> None:
    few = {name: values[:n] for name, values in SAME.items()}
    for comparison in (compare(REFERENCE, few), compare(few, SAME), compare(few, few)):
        assert comparison.verdict == "insufficient_data"
        assert not comparison.multivariate.drifted
        json.dumps(comparison.to_dict(), allow_nan=False)


def test_ten_thousand_categories_are_an_identifier_or_compared_whole() -> None:
    rng = np.random.default_rng(0)
    names = np.array([f"value {i}" for i in range(10_000)])
    many = compare({"c": rng.choice(names, 40_000)}, {"c": rng.choice(names, 20_000)})
    assert many.verdict == "no_drift"
    identifier = compare({"c": [f"a{i}" for i in range(5000)]}, {"c": [f"b{i}" for i in range(5000)]})
    assert identifier.verdict == "no_drift"
    assert identifier.not_compared[0][0] == "c"
    assert identifier.columns[0].measures == ()


def test_all_methods_are_all_of_them_for_an_identifier_too_and_beside_other_names() -> None:
    sides = {"c": [f"a{i}" for i in range(500)], "n": range(500)}, {"c": [f"b{i}" for i in range(500)], "n": range(500)}
    for methods in ("all", "ks, all"):
        comparison = compare(*sides, methods=methods)
        assert comparison.verdict == "no_drift"
        for name, kind in (("c", "categorical"), ("n", "numeric")):
            assert [each.method for each in column(comparison, name).measures] == list(measures_of(kind))


@pytest.mark.parametrize(
    "name", ["select", "größe ✓ 日本", "x" * 3000, "a\nb", "<script>alert(1)</script>", "[bold]", " "]
)
def test_any_name_will_do(name: str, tmp_path: Path) -> None:
    comparison = compare({name: REFERENCE["adr"]}, {name: SAME["adr"] * 2})
    assert comparison.drifted == (name,)
    page = comparison.to_html()
    assert "<script>alert" not in page
    assert comparison._repr_html_()
    assert comparison.to_frame().index.tolist() == [name]


@pytest.mark.parametrize(
    ("reference", "current", "message"),
    [
        ({"a": [1.0]}, {"b": [1.0]}, "no column in common"),
        ({"a": [b"x", b"y"]}, {"a": [b"x", b"y"]}, "no column holds anything"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), {"a": [1]}, "two columns named 'a'"),
    ],
)
def test_what_cannot_be_compared_says_why(reference: Any, current: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        compare(reference, current)


def spec(**fields: Any) -> ModelSpec:
    return parse_model_spec({"kind": "model", "model": "hotel", "columns": {"timestamp": "ts"}, **fields})


def hours(days: int, start: str, *, seed: int = 0, shift: float = 0.0) -> Frame:
    rng = np.random.default_rng(seed)
    ts = np.repeat(pd.date_range(start, periods=24 * days, freq="h").to_numpy(), 40)
    hour = np.repeat(np.arange(24 * days), 40)
    daily = np.sin(2 * np.pi * hour / 24)
    return {
        "ts": ts,
        "temp": 20 + 6 * daily + rng.normal(size=len(ts)) + shift,
        "kind": np.where(rng.random(len(ts)) < 0.3 + 0.2 * daily, "a", "b"),
    }


def test_with_times_a_part_of_the_day_is_compared_with_the_same_hours() -> None:
    reference = hours(28, "2024-01-01")
    nights = {name: values[24 * 40 + 18 * 40 : 48 * 40] for name, values in hours(3, "2024-01-29", seed=1).items()}
    plain = {name: values for name, values in reference.items() if name != "ts"}
    assert compare(plain, {name: values for name, values in nights.items() if name != "ts"}).verdict == "drift"
    seasonal = compare(reference, nights, spec())
    assert seasonal.calibrated
    assert seasonal.verdict == "no_drift"
    assert "hour of the week" in seasonal.rule
    assert [each.column for each in seasonal.columns if each.column == "ts"] == []


@pytest.mark.parametrize("start", ["2024-01-29", "2024-01-10", "2023-03-03", "2026-05-05"])
def test_with_times_a_real_shift_is_found_wherever_the_file_lies(start: str) -> None:
    reference = hours(28, "2024-01-01")
    shifted = hours(3, start, seed=2, shift=1.0)
    comparison = compare(reference, shifted, spec())
    assert comparison.calibrated
    assert comparison.drifted == ("temp",)


def test_two_weeks_are_needed_to_learn_from() -> None:
    assert not compare(hours(10, "2024-01-01"), hours(2, "2024-01-12", seed=1), spec()).calibrated


def test_a_specification_says_kinds_features_and_roles() -> None:
    frame = {**REFERENCE, "zip": np.arange(4000) % 50, "ts": ["2024-01-01"] * 4000, "row": np.arange(4000)}
    current = {**SAME, "zip": np.arange(2000) % 50, "ts": ["2024-02-01"] * 2000, "row": np.arange(2000)}
    chosen = compare(frame, current, spec(features={"categorical": ["zip"], "numeric": ["adr"]}))
    assert sorted(each.column for each in chosen.columns) == ["adr", "zip"]
    assert column(chosen, "zip").kind == "categorical"
    inferred = compare(frame, current, spec(columns={"timestamp": "ts", "id": "row"}))
    assert "row" not in [each.column for each in inferred.columns]
    with pytest.raises(SpecError, match=r"features\.numeric.*'prize'"):
        compare(frame, current, spec(features={"numeric": ["prize"]}))


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    app = typer.Typer()
    register(app)
    app.callback()(lambda: None)
    pd.DataFrame(REFERENCE).to_parquet(tmp_path / "ref.parquet")
    pd.DataFrame(SAME).to_csv(tmp_path / "same.csv", index=False)
    pd.DataFrame(changed(adr=SAME["adr"] * 2)).to_csv(tmp_path / "drift.csv", index=False)

    def invoke(*arguments: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, ["compare", *(a.replace("@", f"{tmp_path}/") for a in arguments)])
        if isinstance(result.exception, DriftwatchError):
            return 2, result.stdout, str(result.exception)
        return result.exit_code, result.stdout, result.stderr

    return invoke


def test_the_command_prints_one_json_document(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = run("@ref.parquet", "@drift.csv", "--json")
    assert code == 0
    assert json.loads(out)["verdict"] == "drift"


def test_the_command_s_exit_code_is_1_only_when_asked(run: Callable[..., tuple[int, str, str]]) -> None:
    assert run("@ref.parquet", "@drift.csv", "--fail-on-drift")[0] == 1
    assert run("@ref.parquet", "@same.csv", "--fail-on-drift")[0] == 0
    code, _, message = run("@ref.parquet", "@nowhere.csv")
    assert code == 2
    assert "nowhere.csv" in message


def test_the_command_s_text_puts_the_worst_first(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = run("@ref.parquet", "@drift.csv", "--methods", "all")
    assert code == 0
    assert out.startswith("Drift in 1 of 4 columns: adr.")
    assert out.index("adr  ") < out.index("nights  ")
    assert "anderson_darling" in out


def test_the_page_is_self_contained(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    code, out, _ = run("@ref.parquet", "@drift.csv", "--html", "@page.html")
    assert code == 0
    assert "page.html" in out
    page = (tmp_path / "page.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "http" not in page
    assert "<script" not in page
    assert page.count("<article") == 4
    assert "color-scheme" in page
    assert run("@ref.parquet", "@drift.csv", "--html", "@no/such/folder/page.html")[0] == 2
