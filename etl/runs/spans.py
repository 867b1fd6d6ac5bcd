"""What the operator asked for, and the walks that follow from it and from what is known already."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from etl.core.planning import Known, Rules, plan_backfill, plan_everything, plan_nightly, scopes
from etl.core.retention import MARGIN
from etl.core.timeline import Window, iso, parse_end, parse_instant
from etl.core.walking import Target
from etl.errors import ConfigError


@dataclass(frozen=True)
class SpanText:
    """What the operator asked for, as typed: relative times mean something else by each clock."""

    since: str | None = None
    until: str | None = None
    beyond_retention: bool = False
    """Whether what the exchange no longer keeps is asked for as well: what it does not show is then a gap for ever."""

    def resolve(self, rules: Rules) -> Window:
        """The span; raises ConfigError where it is empty, malformed or lies in the future."""
        try:
            since = rules.floor if self.since is None else parse_instant(self.since, rules.now)
            until = rules.now if self.until is None else parse_end(self.until, rules.now)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        for name, instant in (("--since", since), ("--until", until)):
            if instant > rules.now:
                raise ConfigError(f"{name} {iso(instant)} lies in the future; it is {iso(rules.now)}")
        if since >= until:
            raise ConfigError(f"--since {iso(since)} does not lie before --until {iso(until)}")
        return Window(since, until)

    def readable(self, rules: Rules) -> Window:
        """What of the span the exchange is asked for: nothing that it no longer keeps, unless that is wanted.

        Raises ConfigError as `resolve` does, and where nothing is left.
        """
        if self.beyond_retention and self.since is None:
            raise ConfigError("--beyond-retention needs --since: without it nothing older is asked for")
        window = self.resolve(rules)
        if self.beyond_retention or rules.keeps is None or window.start >= rules.floor:
            return window
        if window.end <= rules.floor:
            raise ConfigError(
                f"{window} lies before what the exchange keeps, which begins at {iso(rules.floor)}: nothing of it can "
                "be read; backfill --beyond-retention records it as a gap"
            )
        return Window(rules.floor, window.end)

    def clipped(self, rules: Rules) -> str | None:
        """One line where `readable` leaves out the beginning of what was asked for, but for the edge that moves on."""
        left_out = self.readable(rules).start - self.resolve(rules).start
        if left_out <= MARGIN:
            return None
        return f"--since {self.since} lies before what the exchange keeps; reading from {iso(rules.floor)}"


Planner = Callable[[dict[str | None, Known], Rules], list[Target]]
"""From what is known of an account's scopes to the walks of this run."""


def backfill_planner(span: SpanText, symbols: Sequence[str]) -> Planner:
    """What of a span is not proven yet, of these symbols or, without any, of all."""

    def plan(known: dict[str | None, Known], rules: Rules) -> list[Target]:
        window = span.readable(rules)
        targets: list[Target] = []
        for symbol in scopes(symbols):
            of_symbol = known.get(symbol, known[None])
            if span.since is None and span.until is None:
                targets += plan_everything(symbol, of_symbol, rules)
            else:
                targets += plan_backfill(window, symbol, of_symbol, rules)
        return targets

    return plan


def nightly_planner(known: dict[str | None, Known], rules: Rules) -> list[Target]:
    """From each watermark to now, and what is read again."""
    return plan_nightly(known[None], {name: of_name for name, of_name in known.items() if name}, rules)
