"""The verdict of `force-orders complete` for each choice of account and market that a page offers. Pure."""

from collections.abc import Collection, Iterable, Sequence
from itertools import product

from etl.core.completeness import CalendarDay, Period, judge
from etl.core.market_choice import sort_markets
from etl.reporting.report_data import ChoiceVerdict


def judge_choices(
    days: Iterable[CalendarDay],
    period: Period,
    zone: str,
    shown: Sequence[str],
    others: Collection[str] = (),
    markets: Collection[str] = (),
) -> list[ChoiceVerdict]:
    """Of everything, of each of the accounts `shown`, of each market, and of each of these in each of those.

    `others` are accounts without any order or day of their own that everything includes. `markets`: those that were
    asked for, if only some were.
    """
    own = [day for day in days if not markets or day.market in markets]
    of_account = {account: [day for day in own if day.account == account] for account in shown}
    everyone = sorted({*shown, *others})
    choices = product((None, *shown), (None, *sort_markets({day.market for day in own} | {*markets})))
    found = []
    for account, market in choices:
        chosen = own if account is None else of_account[account]
        verdict = judge(
            [day for day in chosen if market in (None, day.market)],
            period,
            zone,
            everyone if account is None else [account],
            markets if market is None else [market],
        )
        found.append(ChoiceVerdict(account, market, verdict))
    return found
