"""The result of a run as plain text lines. Imports nothing that draws tables: a nightly job prints one line."""

from collections.abc import Sequence

from etl.core.planning import Cost
from etl.core.text import many
from etl.core.timeline import Window, to_the_second
from etl.monitoring.gaps import shared
from etl.runs.run import Summary
from etl.runs.verification import Difference, DifferenceKind, Sample


def summary_line(summary: Summary) -> str:
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
        parts.append(_span(summary.span))
    return f"{summary.command} {summary.status} in {summary.seconds:.1f} s: {'; '.join(parts)}"


def plan_lines(cost: Cost, windows: Sequence[Window], budget: int, span: Window) -> list[str]:
    """What a backfill of a span would do and cost."""
    if not windows:
        return [
            _span(span),
            "nothing to read: everything of this span is proven, or younger than the settle lag",
        ]
    minutes = cost.minutes(budget)
    takes = "under a minute" if minutes < 1 else f"about {minutes:.0f} minutes"
    return [
        _span(span),
        f"{many(len(windows), 'window')}, {to_the_second(min(windows).start)} to {to_the_second(max(windows).end)}",
        f"{many(cost.requests, 'request')}, weight {cost.weight}, {takes} at {budget} weight a minute",
        "a window with more orders than fit on a page costs about two requests more for each further 99 orders",
    ]


def verify_lines(summary: Summary, differences: Sequence[Difference], sample: Sample, *, repaired: bool) -> list[str]:
    """What `verify` found and, for a sample, what follows for the rest."""
    counts = {kind: sum(d.kind is kind for d in differences) for kind in DifferenceKind}
    found = ", ".join(f"{kind.value} {count}" for kind, count in counts.items())
    repairs = "; what was missing or different is stored now" if repaired and differences else ""
    span = "" if summary.span is None else f"; {_span(summary.span)}"
    lines = [
        f"verify {summary.status} in {summary.seconds:.1f} s: {many(summary.windows, 'window')}, "
        f"{many(summary.counts.requests, 'request')} (weight {summary.counts.weight}); {found}{repairs}{span}"
    ]
    if sample.sampled < sample.population:
        share = sample.upper_bound(sample.differing(differences))
        lines.append(
            f"{sample.sampled} of {sample.population} windows, chosen at random: "
            f"with 95 % confidence fewer than {share:.1%} of the windows differ"
        )
    return lines


def _span(span: Window) -> str:
    """The instants that the typed span stands for."""
    return f"span {to_the_second(span.start)} to {to_the_second(span.end)}"
