"""What a run says of itself in plain lines: a nightly job prints one, and pays for nothing that draws tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from etl.core.text import many
from etl.core.timeline import Window, to_the_second
from etl.monitoring.gaps import shared

if TYPE_CHECKING:
    from etl.core.planning import Cost
    from etl.runs.run import Summary


def summary_line(summary: "Summary") -> str:
    """The whole run in one line."""
    counts = summary.counts
    parts = [
        f"{many(summary.windows, 'window')}, {many(counts.requests, 'request')} (weight {counts.weight})",
        f"{many(counts.inserted, 'order')} new, {counts.updated} changed, {counts.unchanged} as before",
    ]
    if summary.status in ("succeeded", "incomplete"):
        parts.append(f"gaps: {len(shared(summary.gaps)) or 'none'}")
    if counts.quarantined:
        parts.append(f"quarantined: {counts.quarantined}")
    if summary.span is not None:
        parts.append(span_taken(summary.span))
    return f"{summary.command} {summary.status} in {summary.seconds:.1f} s: {'; '.join(parts)}"


def span_taken(span: Window) -> str:
    """Which instants were taken for what was typed."""
    return f"span {to_the_second(span.start)} to {to_the_second(span.end)}"


def plan_lines(cost: "Cost", windows: Sequence[Window], budget: int, span: Window) -> list[str]:
    """What a backfill of a span would do and cost."""
    if not windows:
        return [
            span_taken(span),
            "nothing to ask for: everything of this span is proven, or younger than the settle lag",
        ]
    minutes = cost.minutes(budget)
    takes = "under a minute" if minutes < 1 else f"about {minutes:.0f} minutes"
    return [
        span_taken(span),
        f"{many(len(windows), 'window')}, {to_the_second(min(windows).start)} to {to_the_second(max(windows).end)}",
        f"{many(cost.requests, 'request')}, weight {cost.weight}, {takes} at {budget} weight a minute",
        "a window with more orders than fit on a page costs about two requests more for each further 99 orders",
    ]
