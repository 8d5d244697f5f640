"""``driftwatch silence``: hear nothing of something for a while."""

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from driftwatch.alerting.silence import Silence
    from driftwatch.service.silencing import Matched

__all__ = ["register"]

_STORE = typer.Option(help="The store to use; else DRIFTWATCH_STORE.")
_JSON = typer.Option("--json", help="Print as JSON.")
_FORMS = {"=": None, "!=": "not", "=~": "regex", "!~": "not_regex"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Silences: keep messages back for a while. What still fires is told when a silence ends.",
    )
    app.add_typer(group, name="silence")

    @group.command()
    def add(
        conditions: Annotated[
            list[str],
            typer.Argument(metavar="LABEL=VALUE...", help="Such as model=flights; != is not, =~ fits, !~ fits not."),
        ],
        *,
        comment: Annotated[str, typer.Option(help="Why.")],
        lasts: Annotated[str | None, typer.Option("--for", help="How long: 30m, 4h, 7d.")] = None,
        start: Annotated[str | None, typer.Option(help="From when, UTC; now if left out.")] = None,
        end: Annotated[str | None, typer.Option(help="Until when, UTC.")] = None,
        dry_run: Annotated[bool, typer.Option(help="Show what it would match now, and make nothing.")] = False,
        store: Annotated[str | None, _STORE] = None,
        as_json: Annotated[bool, _JSON] = False,
    ) -> None:
        """Silence alerts for which every condition holds, and show which of those open now it matches."""
        from driftwatch.cli.stored import opened, user
        from driftwatch.service.silencing import add_silence, preview, read_silence

        values = {"match": _match(conditions), "comment": comment, "for": lasts, "start": start, "end": end}
        spec = read_silence(values)
        made: int | None = None
        with opened(store) as known:
            with known.read() as conn:
                matched = preview(conn, spec.match)
            if not dry_run:
                with known.begin() as conn:
                    made, _ = add_silence(conn, spec, at=known.now(conn), actor=user())
        _print_added(made, matched, as_json=as_json)

    @group.command("list")
    def list_all(
        *,
        everything: Annotated[bool, typer.Option("--all", help="Those that have ended too.")] = False,
        store: Annotated[str | None, _STORE] = None,
        as_json: Annotated[bool, _JSON] = False,
    ) -> None:
        """List the silences that have not ended, the newest first."""
        from driftwatch.cli.stored import opened
        from driftwatch.service.silencing import list_silences

        with opened(store) as known, known.read() as conn:
            now = known.now(conn)
            found = list_silences(conn, ending_after=None if everything else now)
        if as_json:
            print(json.dumps({"schema": 1, "silences": [_as_dict(each, now) for each in found]}, indent=2))
            return
        if not found:
            print("No silences.")
        for each in found:
            _print_one(each, now)

    @group.command("end")
    def end_now(
        silence_id: Annotated[int, typer.Argument(metavar="ID", help="As `silence list` prints it.")],
        *,
        store: Annotated[str | None, _STORE] = None,
    ) -> None:
        """End a silence now; what still fires is told."""
        from driftwatch.cli.stored import opened, user
        from driftwatch.service.silencing import end_silence

        with opened(store) as known, known.begin() as conn:
            end_silence(conn, silence_id, at=known.now(conn), actor=user())
        print(f"ended silence {silence_id}")


def _match(conditions: Sequence[str]) -> dict[str, Any]:
    """Conditions as a declaration writes them."""
    from driftwatch.errors import SpecError

    match: dict[str, Any] = {}
    for each in conditions:
        found = re.fullmatch(r"(\w+)(!=|=~|!~|=)(.*)", each, re.DOTALL)
        if found is None:
            raise SpecError(f"{each!r} is not a condition; write label=value, !=, =~ or !~", path="LABEL=VALUE")
        label, form, value = found[1], _FORMS[found[2]], found[3]
        if label in match:
            raise SpecError("there are two conditions on it; join them as label=~a|b", path=label)
        match[label] = value if form is None else {form: value}
    return match


def _as_dict(each: "Silence", now: int) -> dict[str, Any]:
    from driftwatch.domain.instant import to_iso

    return {
        "id": each.id,
        "name": each.name,
        "match": {matcher.label: matcher.to_value() for matcher in each.match},
        "start": to_iso(each.start),
        "end": to_iso(each.end),
        "active": each.is_active(now),
        "author": each.author,
        "comment": each.note,
    }


def _print_one(each: "Silence", now: int) -> None:
    from driftwatch.queries.format import stamp

    state = "active" if each.is_active(now) else "to come" if each.start > now else "ended"
    print(f"{each.id}  {state:<8} {stamp(each.start)} to {stamp(each.end)}  {', '.join(map(str, each.match))}")
    print(f"   {each.author}: {each.note}")


def _print_added(made: int | None, matched: "Sequence[Matched]", *, as_json: bool) -> None:
    if as_json:
        alerts = [{"incident": each.incident_id, "labels": dict(each.labels)} for each in matched]
        print(json.dumps({"schema": 1, "id": made, "matches": alerts}, indent=2))
        return
    print("Nothing was made." if made is None else f"silence {made}")
    print(f"It matches {len(matched)} open alert{'' if len(matched) == 1 else 's'}{':' if matched else '.'}")
    for each in matched:
        what = each.labels.get("feature") or each.labels["signal"]
        print(f"  {each.incident_id}  {each.labels['severity']}  {each.labels['signal']} of {what}")
