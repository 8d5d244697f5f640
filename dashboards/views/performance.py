"""Performance: what the labels say, what is expected without them, and how the labels come in."""

import streamlit as st

from dashboards.address import MODEL, choose_one, choose_span, identity, model_key
from dashboards.charts.performance import (
    draw_arrival,
    draw_calibration,
    draw_labels,
    draw_performance,
    draw_vintages,
)
from dashboards.component import (
    KEY_CURRENT,
    KEY_ESTIMATED,
    KEY_REFERENCE,
    KEY_VOLUME,
    card,
    chip,
    evidence,
    no_model,
    page_head,
    panel,
    plain,
    state,
)
from dashboards.reading import answered, read
from dashboards.segments import show_fairness, show_segments
from dashboards.table import Field, right, table, words
from driftwatch.errors import DataError
from driftwatch.performance.score_band import ScoreBand
from driftwatch.queries import format as fmt
from driftwatch.queries.fleet import read_fleet
from driftwatch.queries.format import MISSING
from driftwatch.queries.metric_wording import interval_words, metric_name, metric_value, preferred
from driftwatch.queries.performance import Performance, PerformanceView, read_performance
from driftwatch.queries.period import PERIODS, period_name
from driftwatch.queries.segment_performance import ALL_SPLITS, read_fairness, read_segments, split_names
from driftwatch.queries.vintage import read_vintages
from driftwatch.queries.wording import as_of, unjudged

_PERIOD_LABELS = {"day": "Days", "week": "Weeks", "month": "Months"}
_SPAN = "30d"
_MOST_LABELS = 200_000  # that the page reads for vintages
_NO_CONCEPT_DRIFT = {
    "cbpe": "Estimated from the scores alone, by what the reference's labels say of such scores. It holds as long as "
    "scores mean what they meant then; where realised and estimated part, they no longer do: concept drift.",
    "dle": "Estimated from the features and the prediction, by the errors that such rows had in the reference. It "
    "holds as long as they mean what they meant then; where realised and estimated part, they no longer do: concept "
    "drift.",
}


def page() -> None:
    with answered():
        back, head = st.container(), st.container()
        fleet = read(read_fleet)
        if not fleet.models:
            no_model("Performance")
            return
        models = [(each.model.name, each.model.environment) for each in fleet.models]
        keys = [model_key(*each) for each in models]
        context = st.container(horizontal=True, key="context")
        with context:
            key = choose_one("Model", keys, key="model")
            period = choose_one("By", PERIODS, key="period", labels=_PERIOD_LABELS)
            span = choose_span(_SPAN)
        with back:
            st.page_link(MODEL, label=plain(key), icon=":material/chevron_left:", query_params={"model": key})
        view = read(read_performance, *identity(key, models), span, period)
        if view is None:
            state("○", "No such model", f"{key} is not in this store.")
            return
        with head:
            page_head("Performance", [chip(view.standing.status)])
        metric = ""
        if view.metrics:
            options = preferred(view.metrics)
            with context:
                metric = choose_one("Metric", options, key="metric", labels={key: metric_name(key) for key in options})
        _evidence(view)
        _show(view, metric)
        if metric and view.standing.model.spec.task == "binary":
            _bands(view)
            _vintages(view, period)


def _evidence(view: PerformanceView) -> None:
    now, reference = view.standing.read_at, view.reference
    against = ""
    if reference is not None:
        against = (
            f"{fmt.window(reference.span.start, reference.span.end, now)}, {fmt.count(reference.n_labelled)} labels"
        )
    evidence(
        [
            ("Window", fmt.window(view.span.start, view.span.end, now)),
            ("n", fmt.count(view.whole.n)),
            ("decided", "" if view.whole.n_decided is None else fmt.count(view.whole.n_decided)),
            ("labelled", fmt.count(view.whole.n_labelled)),
            ("reference", against),
            as_of(view.standing),
        ]
    )


def _show(view: PerformanceView, metric: str) -> None:
    if not metric:
        with panel("Performance", "", key="performance"):
            title, sentence = _nothing(view)
            state("○", title, sentence, height=240)
        return
    st.markdown(plain(_sentence(view, metric)))
    _cards(view, metric)
    domain = (view.span.start, view.span.end)
    now = view.standing.read_at
    expected = any(metric in part.estimated for part in view.periods)
    marks = (KEY_CURRENT.replace("current", "realised", 1), *((KEY_ESTIMATED,) if expected else ()), KEY_VOLUME)
    with panel(f"{metric_name(metric)} over time", f"by {view.period}, 95 % intervals", key="performance", marks=marks):
        draw_performance(view.periods, metric, domain=domain, now=now, key="performance-chart")
        draw_labels(view.periods, domain=domain, now=now, key="labels-chart")
        st.caption("Bars: predictions, in front those with an outcome. Hollow points: labels still come.")
        if view.whole.n_decided is not None:
            st.caption(_decided(view))
        if expected:
            methods = {part.estimated[metric].method for part in view.periods if metric in part.estimated}
            st.caption(" ".join(_NO_CONCEPT_DRIFT[each] for each in sorted(methods)))
    left, right_side = st.columns(2, gap="small")
    with left:
        _arrival(view)
    with right_side:
        _calibration(view)
    main, side = st.columns([1.4, 1], gap="small")
    with main:
        _table(view, metric)
    with side:
        _confusion(view)
    _split(view, metric)


def _split(view: PerformanceView, metric: str) -> None:
    """What the model declares to split by: segments, and the groups of protected columns."""
    model = view.standing.model
    splits = split_names(model.spec)
    if not splits:
        return
    by = choose_one("Split by", [ALL_SPLITS, *splits], key="by", labels={ALL_SPLITS: "all splits"})
    segments = read(read_segments, model.name, model.environment, view.span, by, view.period)
    if segments is not None:
        show_segments(segments, metric)
    if model.spec.protected and model.spec.task == "binary":
        for each in read(read_fairness, model.name, model.environment, view.span) or ():
            show_fairness(each)


def _decided(view: PerformanceView) -> str:
    """Of which rows everything here is said."""
    whole, column = view.whole, view.standing.model.spec.columns.decision
    said = (
        f"Everything here is of the {fmt.count(whole.n_decided)} of {fmt.count(whole.n)} predictions that were decided "
        f"({column}); nothing is said of the others."
    )
    if whole.n_undecided:
        said += f" {fmt.count(whole.n_undecided)} outcomes are of others, and count nowhere."
    return plain(said)


def _nothing(view: PerformanceView) -> tuple[str, str]:
    """Why there is nothing to show, and what to do about it."""
    standing = view.standing
    if standing.model.spec.task == "none":
        return "No task is declared", "Write task: binary (multiclass, regression, ranking) in model.yaml and apply it."
    if standing.model.last_at is None:
        return unjudged(standing)
    if not view.any_outcome:
        return (
            "No outcomes yet",
            "Outcomes join by prediction id: client.log_outcome(prediction_id, value), at any time.",
        )
    if view.judged_age is None:
        reference = standing.reference
        if reference is not None and standing.now < reference.end:
            return "Learning the reference", (
                f"How late labels come is learned until {fmt.stamp(reference.end, standing.read_at)}; "
                "then performance is counted, that of the past too."
            )
        return "Outcomes are not counted yet", "A running driftwatch serve counts them within seconds."
    return "No outcome in this window", "Choose a longer window, or wait for labels to come."


def _newest(view: PerformanceView, metric: str) -> Performance | None:
    return next((part for part in reversed(view.periods) if part.mature and metric in part.realised), None)


def _sentence(view: PerformanceView, metric: str) -> str:
    newest = _newest(view, metric)
    if newest is None:
        last = view.periods[-1]
        share = fmt.share(last.labelled_share)
        return (
            f"No {view.period} has all of its labels yet; of the newest {share} are in. The value moves as they come."
        )
    said = f"{metric_name(metric)} was {metric_value(newest.realised[metric].value, metric)}"
    when = period_name(newest.span, view.period, view.standing.model.spec)
    estimate = newest.estimated.get(metric)
    if estimate is None:
        return f"{said} in the newest {view.period} with its labels, {when}."
    source = "the features" if estimate.method == "dle" else "the scores"
    against = f"{source} let expect {metric_value(estimate.value, metric)}"
    verdict = "apart by more than chance" if newest.disagrees(metric) else "no further apart than chance"
    return f"{said} in the newest {view.period} with its labels, {when}; {against}: {verdict}."


def _cards(view: PerformanceView, metric: str) -> None:
    realised, estimated = view.whole.realised.get(metric), view.whole.estimated.get(metric)
    before = None if view.reference is None else view.reference.realised.get(metric)
    with st.grid(6, min_column_width=150, gap="xsmall", key="cards"):
        note = "no label" if realised is None else interval_words(realised) or f"n {fmt.compact(realised.n)}"
        card("Realised", metric_value(None if realised is None else realised.value, metric), note)
        band = "no calibration"
        if estimated is not None:
            band = f"{metric_value(estimated.low, metric)} – {metric_value(estimated.high, metric)}"
        card("Estimated", metric_value(None if estimated is None else estimated.value, metric), band)
        share = view.whole.labelled_share
        of = view.whole.n if view.whole.n_decided is None else view.whole.n_decided
        decided = "" if view.whole.n_decided is None else " decided"
        card("Labels in", fmt.share(share), f"{fmt.compact(view.whole.n_labelled)} of {fmt.compact(of)}{decided}")
        arrival = view.arrival
        card(
            "Median label delay",
            MISSING if arrival is None else fmt.age(arrival.everything.median),
            "not known" if arrival is None else f"judged at {fmt.age(view.judged_age)}",
        )
        bias = view.whole.realised.get("calibration_bias") or view.whole.realised.get("mean_error")
        card(
            "Calibration bias" if bias is None or bias.metric == "calibration_bias" else "Bias",
            MISSING if bias is None else metric_value(bias.value, bias.metric),
            "" if bias is None else interval_words(bias),
            more="Mean score minus share of positives, or mean prediction minus mean outcome: 0 is right.",
        )
        change = None
        if realised is not None and before is not None and None not in (realised.value, before.value):
            change = (realised.value or 0.0) - (before.value or 0.0)
        was = "no reference" if before is None else f"reference {metric_value(before.value, metric)}"
        card("Against reference", MISSING if change is None else fmt.change(change), was)


def _arrival(view: PerformanceView) -> None:
    about = "" if view.arrival is None else f"{fmt.count(view.arrival.predictions)} predictions sampled"
    with panel("Labels by age", about, key="arrival", stretch=True):
        if view.arrival is None:
            state("○", "No label has come", "The curve is drawn once labels are in.")
            return
        draw_arrival(view.arrival, key="arrival-chart")


def _calibration(view: PerformanceView) -> None:
    marks = (KEY_CURRENT, KEY_REFERENCE) if view.whole.calibration else ()
    with panel(
        "Calibration", "share of positives by score, 95 % intervals", key="calibration", marks=marks, stretch=True
    ):
        if not view.whole.calibration:
            why = "Only a binary model with scores has a calibration curve."
            state("○", "No calibration curve", why if view.standing.model.spec.task != "binary" else "No label yet.")
            return
        reference = () if view.reference is None else view.reference.calibration
        draw_calibration(view.whole.calibration, reference, key="calibration-chart")


def _table(view: PerformanceView, metric: str) -> None:
    spec, parts = view.standing.model.spec, list(reversed(view.periods))
    with panel(f"By {view.period}", "newest first", key="periods", stretch=True):
        fields: dict[str, Field] = {
            "period": ([period_name(part.span, view.period, spec) for part in parts], words("Period")),
            "realised": ([_realised(part, metric) for part in parts], right("Realised")),
            "estimated": (
                [
                    metric_value(part.estimated[metric].value, metric) if metric in part.estimated else ""
                    for part in parts
                ],
                right("Estimated"),
            ),
            "difference": ([_difference(part, metric) for part in parts], right("Difference")),
            "labelled": ([fmt.share(part.labelled_share) if part.n else MISSING for part in parts], right("Labelled")),
            "n": ([fmt.compact(part.n) for part in parts], right("n")),
            "mature": (["yes" if part.mature else "labels still come" for part in parts], words("Mature")),
        }
        table(fields, key="period-table", about=f"{metric_name(metric)} by {view.period}", row_height=36)


def _bands(view: PerformanceView) -> None:
    about = "tenths of the labelled reference, the highest scores first"
    with panel("Score bands", about, key="bands"):
        bands = [band for band in reversed(view.bands) if band.n]
        if not bands:
            state("○", "No score bands", "They are drawn for binary models with scores and labels.")
            return
        limit = 0.05 / len(bands)
        fields: dict[str, Field] = {
            "band": ([_band_name(band) for band in bands], words("Scores")),
            "n": ([fmt.count(band.n) for band in bands], right("n")),
            "said": ([fmt.share(band.mean_score) for band in bands], right("Said")),
            "came": ([fmt.share(band.rate) for band in bands], right("Came")),
            "around": ([_around(band) for band in bands], right("95 %")),
            "p": ([_p_value(band, limit) for band in bands], right("p-value")),
            "gain": ([fmt.share(band.share_of_positives) for band in bands], right("Of positives, from here up")),
        }
        table(fields, key="band-table", about="Score bands: what was said and what came", row_height=36)
        st.caption(
            f"p-value: exact binomial test of each band against its mean score. ◇: below 0.05 by {len(bands)} bands."
        )


def _band_name(band: ScoreBand) -> str:
    low = "" if band.low is None else f"{band.low:.3g}"
    high = "" if band.high is None else f"{band.high:.3g}"
    return f"{low} – {high}" if low and high else f"up to {high}" if high else f"above {low}"


def _around(band: ScoreBand) -> str:
    return "" if band.interval is None else f"{fmt.share(band.interval.low)} – {fmt.share(band.interval.high)}"


def _p_value(band: ScoreBand, limit: float) -> str:
    if band.p_value is None:
        return MISSING
    return ("<0.001" if band.p_value < 0.001 else f"{band.p_value:.3f}") + (" ◇" if band.p_value < limit else "")


def _vintages(view: PerformanceView, period: str) -> None:
    with panel("Positives by age", f"of the predictions of each {period}", key="vintages"):
        known = view.standing.model
        try:
            found = read(read_vintages, known.name, known.environment, view.span, period, _MOST_LABELS)
        except DataError as error:
            command = f"driftwatch performance {known.name} --vintage {period}"
            state("○", "Not drawn here", f"{str(error).capitalize()}. {command} tells more.")
            return
        curves = [each for each in found if each.points]
        if not curves:
            state("○", "No age is reached yet", f"A {period} is drawn from the first age that all of it has reached.")
            return
        draw_vintages(
            curves, names=[period_name(each.span, period, known.spec) for each in curves], key="vintages-chart"
        )
        st.caption("Each line ends at the age that the whole period has reached; compare lines at one age.")


def _realised(part: Performance, metric: str) -> str:
    result = part.realised.get(metric)
    if result is None:
        return MISSING
    around = interval_words(result)
    return metric_value(result.value, metric) + (f" ({around})" if around else "")


def _estimated(part: Performance, metric: str) -> str:
    estimate = part.estimated.get(metric)
    return MISSING if estimate is None else metric_value(estimate.value, metric)


def _difference(part: Performance, metric: str) -> str:
    gap = part.difference(metric)
    return MISSING if gap is None else fmt.change(gap) + (" ◇" if part.disagrees(metric) else "")


def _confusion(view: PerformanceView) -> None:
    with panel("Confusion", "decisions as served, share of labelled rows", key="confusion", stretch=True):
        confusion = view.whole.confusion
        if confusion is None or not confusion.n:
            state("○", "No confusion table", "It is drawn for binary models with decisions and labels.")
            return
        before = None if view.reference is None else view.reference.confusion
        names = ("rightly negative", "wrongly positive", "missed positive", "rightly positive")
        shares = [cell / confusion.n for cell in confusion.cells]
        was = [None] * 4 if before is None or not before.n else [cell / before.n for cell in before.cells]
        fields: dict[str, Field] = {
            "cell": (names, words("Decision")),
            "n": ([fmt.count(cell) for cell in confusion.cells], right("n")),
            "now": ([fmt.share(each) for each in shares], right("Now")),
            "before": ([fmt.share(each) for each in was], right("Reference")),
            "change": (
                [fmt.share_change(None if old is None else new - old) for new, old in zip(shares, was, strict=True)],
                right("Change"),
            ),
        }
        table(
            fields, key="confusion-table", about="Decisions against outcomes, now and in the reference", row_height=36
        )


page()
