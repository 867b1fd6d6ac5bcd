"""What the operator asked for, and the walks that follow from it and from what is known already."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from etl.core.planning import Known, Rules, plan_backfill, plan_everything, plan_nightly, scopes
from etl.core.timeline import Window, iso, parse_instant
from etl.core.walking import Target
from etl.errors import ConfigError


@dataclass(frozen=True)
class SpanText:
    """What the operator asked for, as typed: relative times mean something else by each clock."""

    since: str | None = None
    until: str | None = None

    def resolve(self, rules: Rules) -> Window:
        """The span; raises ConfigError where it is empty, malformed or lies in the future."""
        try:
            since = rules.floor if self.since is None else parse_instant(self.since, rules.now)
            until = rules.now if self.until is None else parse_instant(self.until, rules.now)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        for name, instant in (("--since", since), ("--until", until)):
            if instant > rules.now:
                raise ConfigError(f"{name} {iso(instant)} lies in the future; it is {iso(rules.now)}")
        if since >= until:
            raise ConfigError(f"--since {iso(since)} does not lie before --until {iso(until)}")
        return Window(since, until)


Planner = Callable[[dict[str | None, Known], Rules], list[Target]]
"""From what is known of an account's scopes to the walks of this run."""


def backfill_planner(span: SpanText, symbols: Sequence[str]) -> Planner:
    """What of a span is not proven yet, of these symbols or, without any, of all."""

    def plan(known: dict[str | None, Known], rules: Rules) -> list[Target]:
        window = span.resolve(rules)
        targets: list[Target] = []
        for symbol in scopes(symbols):
            of_symbol = known.get(symbol, known[None])
            if span == SpanText():
                targets += plan_everything(symbol, of_symbol, rules)
            else:
                targets += plan_backfill(window, symbol, of_symbol, rules)
        return targets

    return plan


def nightly_planner(known: dict[str | None, Known], rules: Rules) -> list[Target]:
    """From each watermark to now, and what is read again."""
    return plan_nightly(known[None], {name: of_name for name, of_name in known.items() if name}, rules)
