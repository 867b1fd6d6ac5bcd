"""The result of a run as plain text lines. Imports nothing that draws tables: a nightly job prints one line."""

from etl.core.market_choice import sort_markets
from etl.core.text import many
from etl.core.timeline import Window, to_the_second
from etl.core.wallets import has_others
from etl.monitoring.gaps import shared
from etl.runs.summary import Summary


def summary_line(summary: Summary) -> str:
    """The whole run in one line."""
    counts = summary.counts
    parts = [
        f"{many(summary.windows, 'window')}, {many(counts.requests, 'request')} (weight {counts.weight})",
        f"{many(counts.inserted, 'order')} new, {counts.updated} changed, {counts.unchanged} as before",
    ]
    if summary.status in ("succeeded", "incomplete"):
        parts.append(f"gaps: {len(shared(summary.gaps)) or 'none'}")
    if summary.audited:
        parts.append(f"audited: {many(summary.audited, 'old window')}")
    parts += markets_words(summary)
    if counts.quarantined:
        parts.append(f"quarantined: {counts.quarantined}")
    if summary.span is not None:
        parts.append(span_words(summary.span))
    if summary.late_clock is not None:
        parts.append(summary.late_clock)
    return f"{summary.command} {summary.status} in {summary.seconds:.1f} s: {'; '.join(parts)}"


def markets_words(summary: Summary) -> list[str]:
    """What was read, where that is more than USDⓈ-M futures."""
    return [f"markets: {', '.join(sort_markets(summary.markets))}"] if has_others(summary.markets) else []


def span_words(span: Window) -> str:
    """The instants that the typed span stands for."""
    return f"span {to_the_second(span.start)} to {to_the_second(span.end)}"
