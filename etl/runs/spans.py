"""The requested span, and the planners: which walks follow from it and from the stored coverage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from etl.core.planning import Known, Rules, plan_backfill, plan_everything, plan_nightly, scopes
from etl.core.retention import MARGIN
from etl.core.timeline import Window, clip, is_bare_date, iso, parse_end, parse_instant
from etl.core.walking import Target
from etl.errors import ConfigError


@dataclass(frozen=True)
class SpanText:
    """The requested span as typed: a relative time depends on the clock that resolves it."""

    since: str | None = None
    until: str | None = None
    beyond_retention: bool = False
    """Whether to request what the exchange no longer keeps. What it does not return is then a gap for ever."""

    def resolve(self, rules: Rules) -> Window:
        """The span as instants; raises ConfigError if it is empty, malformed or in the future."""
        try:
            since = rules.floor if self.since is None else parse_instant(self.since, rules.now)
            until = rules.now if self.until is None else parse_end(self.until, rules.now)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        for name, instant in (("--since", since), ("--until", until)):
            if instant > rules.now:
                raise ConfigError(f"{name} {iso(instant)} lies in the future; now is {iso(rules.now)}")
        if since >= until:
            end = f"{iso(until)}, the end of {self.until}" if is_bare_date(self.until or "") else iso(until)
            raise ConfigError(f"--since {iso(since)} is not before --until {end}")
        return Window(since, until)

    def readable(self, rules: Rules) -> Window:
        """The part of the span to request: what the exchange still keeps, or all of it with `beyond_retention`.

        Raises ConfigError as `resolve` does, and if nothing is left.
        """
        if self.beyond_retention and self.since is None:
            raise ConfigError("--beyond-retention needs --since: without it nothing older is requested")
        window = self.resolve(rules)
        if self.beyond_retention or rules.keeps is None or window.start >= rules.floor:
            return window
        if window.end <= rules.floor:
            options = f"--since {iso(window.start)} --until {iso(window.end)} --beyond-retention"
            raise ConfigError(
                f"{window} lies before what the exchange keeps, which begins at {iso(rules.floor)}; "
                f"'backfill {options}' records it as a gap"
            )
        return Window(rules.floor, window.end)

    def clipped(self, rules: Rules) -> str | None:
        """One line if `readable` leaves out more of the beginning than the edge of retention moves during a run."""
        left_out = self.readable(rules).start - self.resolve(rules).start
        if left_out <= MARGIN:
            return None
        return f"--since {self.since} lies before what the exchange keeps; reading from {iso(rules.floor)}"


Planner = Callable[[dict[str | None, Known], Rules], list[Target]]
"""From the stored coverage of an account's scopes to the walks of this run."""


def backfill_planner(span: SpanText, symbols: Sequence[str]) -> Planner:
    """Plans what is not proven yet of a span, for these symbols; without any, for all together."""

    def plan(known: dict[str | None, Known], rules: Rules) -> list[Target]:
        window = span.readable(rules)
        targets: list[Target] = []
        for symbol in scopes(symbols, rules.weights):
            of_symbol = known.get(symbol, known[None])
            if span.since is None and span.until is None:
                targets += plan_everything(symbol, of_symbol, rules)
            else:
                targets += plan_backfill(window, symbol, of_symbol, rules)
        return targets

    return plan


def reread_planner(span: SpanText, symbols: Sequence[str]) -> Planner:
    """Plans all of a span, also what is proven of it already: orders may have appeared late."""

    def plan(known: dict[str | None, Known], rules: Rules) -> list[Target]:
        window = span.readable(rules)
        return [
            replace(target, proven=tuple(clip(known.get(symbol, known[None]).proven, target.requested)))
            for symbol in scopes(symbols, rules.weights)
            for target in plan_backfill(window, symbol, Known(), rules)
        ]

    return plan


def nightly_planner(known: dict[str | None, Known], rules: Rules) -> list[Target]:
    """Plans from each watermark to now, and what is read again for late changes."""
    return plan_nightly(known[None], {name: of_name for name, of_name in known.items() if name}, rules)
