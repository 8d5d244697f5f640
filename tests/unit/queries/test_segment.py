"""A column in each segment over time."""

from driftwatch.queries.segment import JudgedSegments, segment_lines


def window(start: int, **times: float | None) -> JudgedSegments:
    said = {name: {"rows": 10, "times_threshold": {} if x is None else {"x": x, "y": 9.0}} for name, x in times.items()}
    return JudgedSegments(start, start + 1, said)


def test_segments_come_worst_first_with_their_worst_window() -> None:
    es, pt = segment_lines([window(0, ES=0.2, PT=1.0), window(1, ES=3.5, PT=None), window(2, ES=0.1, PT=0.4)], "x")
    assert (es.segment, es.worst, es.worst_window, es.newest, es.over, es.rows) == ("ES", 3.5, (1, 2), 0.1, 1, 30)
    assert (pt.segment, pt.worst, pt.newest, pt.over, pt.rows) == ("PT", 1.0, 0.4, 1, 20)  # 1 is where an alarm begins
    assert pt.points == ((0, 1.0), (2, 0.4))  # the window in which it was not judged is a gap


def test_a_model_that_is_not_split_and_an_unknown_column_have_none() -> None:
    assert segment_lines([window(0)], "x") == segment_lines([window(0, ES=0.5)], "z") == ()
