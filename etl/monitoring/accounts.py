"""The status of whole accounts, and which of them need help first. Pure: a status in, rows out."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from etl.monitoring.status import ScopeStatus, Status
from etl.store.coverage import Gap


@dataclass(frozen=True)
class AccountStatus:
    """An account in a market: of its symbols the worst. Times are epoch milliseconds, ages milliseconds."""

    account: str
    market: str
    symbols: int
    """Scopes: the symbols, and `*` where requests without symbol were made."""
    covered_since: int | None
    watermark: int | None
    age: int | None
    days_until_loss: float | None
    gaps: int
    """Gaps that several symbols share because they were never asked for by name count once."""
    orders: int
    is_retired: bool


def by_account(status: Status) -> list[AccountStatus]:
    """A row for each account and market of a brief status."""
    scopes: dict[tuple[str, str], list[ScopeStatus]] = defaultdict(list)
    for scope in status.scopes:
        scopes[scope.account, scope.market].append(scope)
    orders: Counter[tuple[str, str]] = Counter()
    for (account, market, _), number in status.close_types.items():
        orders[account, market] += number
    return [_account(own, orders[key]) for key, own in scopes.items()]


def worst_first(accounts: Sequence[AccountStatus]) -> list[AccountStatus]:
    """What is lost first stands first, then the oldest watermark; retired accounts stand last."""

    def urgency(one: AccountStatus) -> tuple[bool, float, int, str]:
        left = float("inf") if one.days_until_loss is None else one.days_until_loss
        return one.is_retired, left, -(one.age or 0), one.account

    return sorted(accounts, key=urgency)


def _account(own: Sequence[ScopeStatus], orders: int) -> AccountStatus:
    first = own[0]
    since = [one.covered_since for one in own if one.covered_since is not None]
    marks = [one.watermark for one in own if one.watermark is not None]
    ages = [one.age for one in own if one.age is not None]
    left = [one.days_until_loss for one in own if one.days_until_loss is not None]
    return AccountStatus(
        account=first.account,
        market=first.market,
        symbols=sum(one.symbols for one in own),
        covered_since=max(since, default=None),
        watermark=min(marks, default=None),
        age=max(ages, default=None),
        days_until_loss=min(left, default=None),
        gaps=sum(len(one.gaps) for one in own),
        orders=orders,
        is_retired=first.is_retired,
    )


def gaps_of(status: Status, accounts: Sequence[AccountStatus]) -> list[Gap]:
    """The gaps of these accounts, in the order of the accounts."""
    place = {(one.account, one.market): number for number, one in enumerate(accounts)}
    own = [gap for gap in status.gaps if (gap.account, gap.market) in place]
    return sorted(own, key=lambda gap: place[gap.account, gap.market])
