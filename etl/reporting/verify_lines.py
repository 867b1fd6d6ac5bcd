"""The result of `verify` as plain text lines."""

from etl.core.differences import DifferenceKind, Newer
from etl.core.text import many
from etl.core.timeline import Window, to_the_second
from etl.reporting.lines import markets_words, span_words
from etl.runs.summary import Summary
from etl.runs.verification import Verification


def verify_lines(summary: Summary, done: Verification) -> list[str]:
    """What `verify` compared and found and, for a sample, what follows for the rest."""
    counts = {kind: sum(d.kind is kind for d in done.differences) for kind in DifferenceKind}
    parts = [", ".join(f"{kind.value} {count}" for kind, count in counts.items())]
    if forgotten := sum(scope.forgotten for scope in done.scopes):
        parts.append(f"no longer shown by the exchange, as expected: {forgotten}")
    parts += _repairs(done) if done.is_repair else []
    parts.append(f"unread: {len(done.unread) or 'none'}")
    parts += markets_words(summary)
    if summary.counts.quarantined:
        parts.append(f"quarantined: {summary.counts.quarantined}")
    if summary.span is not None and done.scopes:
        parts.append(span_words(_asked(done)))
    lines = [
        f"verify {summary.status} in {summary.seconds:.1f} s: {many(summary.windows, 'window')}, "
        f"{many(summary.counts.requests, 'request')} (weight {summary.counts.weight}); {'; '.join(parts)}"
    ]
    if not done.has_compared:
        why = ": nothing is proven and nothing is stored" if summary.status == "succeeded" else ""
        lines.append(f"nothing was compared{why}")
    if done.kept_since is not None:
        lines.append(f"not asked for: what is proven before {to_the_second(done.kept_since)}, no longer kept")
    sample = done.sample
    if sample.chosen < sample.population:
        unread = f" ({sample.chosen - sample.read} more were not read)" if sample.read < sample.chosen else ""
        lines.append(
            f"{sample.read} of {sample.population} windows, chosen at random{unread}: "
            f"with 95 % confidence fewer than {sample.upper_bound:.1%} of the windows differ"
        )
    return lines


def _repairs(done: Verification) -> list[str]:
    """What a repair stored, as far as it was read back, and what it left."""
    repairable = [d for d in done.differences if d.kind is not DifferenceKind.EXTRA]
    left = [d for d in repairable if not d.is_repaired]
    newer = sum(d.newer is Newer.DATABASE for d in left)
    if not repairable:
        return []
    if not left:
        return ["what was missing or different is stored now"]
    said = [f"{len(repairable) - len(left)} of {len(repairable)} missing or different are stored now"]
    said += [f"stored is newer: {newer}"] if newer else []
    return said + ([f"the database did not take: {len(left) - newer}"] if len(left) > newer else [])


def _asked(done: Verification) -> Window:
    """The span of a requested verification, the same in each scope."""
    return done.scopes[0].span
