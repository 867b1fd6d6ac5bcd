"""What is wrong with the stored history: a line for each problem, and the command that helps."""

import shlex
from collections import defaultdict
from collections.abc import Collection, Sequence

from etl.core.text import many
from etl.core.timeline import DAY, MINUTE, duration, to_millis, to_the_second
from etl.core.wallets import Wallet
from etl.monitoring.gaps import closing_lines, shared, symbol_or_count
from etl.monitoring.status import FILLABLE, WORST_SHOWN, ScopeStatus, Status
from etl.store.reconciliations import Disputed

BACKUP_AGE = 2 * DAY
"""Milliseconds after which the newest verified backup is too old."""

FUTURE = MINUTE
"""Milliseconds by which a watermark may be ahead of the database's clock before it counts as one of the future."""


def warnings(
    status: Status, greatest_age: int, floor: int, configured: Collection[str] = (), *, backs_up: bool = False
) -> list[str]:
    """A line for each problem: history unread for more than `greatest_age` milliseconds, rows in quarantine, disputes.

    With `backs_up` also where the newest verified backup is too old.

    Symbols with the same problem share a line. Each names the command that helps. For `floor` see `closing_lines`.
    `configured`: the accounts of the settings; without any, each account counts as one of them.
    """
    late: dict[tuple[str, str, str], list[ScopeStatus]] = {}
    for scope in status.scopes:
        if scope.unread is not None and scope.unread > greatest_age:
            lost = "" if scope.days_until_loss is None else f", lost in {scope.days_until_loss:.1f} days"
            unread = f"history unread for {duration(scope.unread)}{lost}"
            late.setdefault((scope.account, scope.market, unread), []).append(scope)
    worst = sorted(late.items(), key=lambda item: -(item[1][0].unread or 0)) if status.is_brief else late.items()
    lines = [
        *_first(_from_the_future(status, floor), status),
        *_first(
            [
                f"account {Wallet(account, market)}, {_symbols(scopes)}: {unread}; "
                f"{_remedy(scopes, floor) if account in configured or not configured else _retire(account)}"
                for (account, market, unread), scopes in worst
            ],
            status,
        ),
    ]
    if not any(scope.covered_since for scope in status.scopes):
        lines.append("nothing was read yet; start with: force-orders backfill")
    if status.quarantined:
        days = f", so {_days(len(status.quarantined_days))} not proven" if status.quarantined_days else ""
        lines.append(f"{many(status.quarantined, 'row')} in quarantine{days}; see: force-orders quarantine list")
    lines += _first([_disputed(one) for one in status.disputed], status)
    return [*lines, *_old_backup(status)] if backs_up else lines


def _disputed(one: Disputed) -> str:
    of_order = f"--account {one.account} --symbol {one.symbol} --order {one.order_id}"
    return (
        f"account {one.wallet}: the exchange's own lists disagree on the order {one.symbol} {one.order_id} of "
        f"{to_the_second(to_millis(one.order_time))} ({one.kind}: {one.detail}); compare again: "
        f"force-orders reconcile; to accept it: force-orders coverage accept {of_order} --why TEXT"
    )


def key_lines(status: Status) -> list[str]:
    """A line for each account whose key changed and could not be checked. Not a warning: most such keys are fine."""
    lines = [
        f"account {wallet}: the key in use since {to_the_second(since)} could not be checked, so what was proven "
        f"before may be another account's; to compare: force-orders verify {shlex.join(wallet.options())}"
        for wallet, since in ((Wallet(key.account, key.market), key.since) for key in status.unchecked_keys)
    ]
    return _first(lines, status)


def _first(lines: list[str], status: Status) -> list[str]:
    """All of the lines; of a brief status as many as accounts are shown, and how many more there are."""
    more = len(lines) - WORST_SHOWN
    if not status.is_brief or more <= 0:
        return lines
    return [*lines[:WORST_SHOWN], f"and {more} more like the last line; see: force-orders status --all"]


def _from_the_future(status: Status, floor: int) -> list[str]:
    """A line for each wallet with a watermark later than now: a clock was ahead, and "proved" what came afterwards.

    Nobody knows since when, so all that can still be read is to be read again.
    """
    ahead: dict[Wallet, list[ScopeStatus]] = defaultdict(list)
    for one in status.scopes:
        if one.watermark is not None and one.watermark > status.now + FUTURE:
            ahead[Wallet(one.account, one.market)].append(one)
    lines = []
    for wallet, own in ahead.items():
        watermark = to_the_second(max(one.watermark or 0 for one in own))
        since = to_the_second(max(floor, min(one.covered_since or 0 for one in own))) or ""
        of_account = {one.market for one in status.scopes if one.account == wallet.account}
        words = ["force-orders", "coverage", "reset", *wallet.options(of_account), "--since", since]
        reset = shlex.join([*words, "--why", "a clock was ahead"])
        lines.append(
            f"account {wallet}: the watermark {watermark} lies in the future, because a clock was ahead; what it "
            f"covers may not have been read; to take it back: {reset}"
        )
    return lines


def _old_backup(status: Status) -> list[str]:
    verified = status.verified_backup
    if verified is not None and status.now - to_millis(verified.made_at) <= BACKUP_AGE:
        return []
    age = "there is none" if verified is None else f"it is {duration(status.now - to_millis(verified.made_at))} old"
    return [f"the newest verified backup is too old: {age}; make one: force-orders db backup"]


def _symbols(scopes: Sequence[ScopeStatus]) -> str:
    sharing = sum(scope.symbols - 1 for scope in scopes)
    of_one = len(scopes) == 1 and not sharing
    return f"{'symbol ' * of_one}{symbol_or_count([scope.symbol for scope in scopes], sharing)}"


def _remedy(scopes: Sequence[ScopeStatus], floor: int) -> str:
    """The command that fills the gaps of these scopes or, without fillable gaps, reads on from the watermark."""
    if fillable := [gap for scope in scopes for gap in scope.gaps if gap.reason in FILLABLE]:
        return closing_lines(shared(fillable), floor)[0]
    wallet = Wallet(scopes[0].account, scopes[0].market)
    return f"to read it: {shlex.join(['force-orders', 'sync', *wallet.options()])}"


def _retire(account: str) -> str:
    command = shlex.join(["force-orders", "accounts", "retire", account, "--why"])
    return f"it is not in the settings; to end this alarm: {command} TEXT"


def _days(count: int) -> str:
    return f"{many(count, 'day')} {'is' if count == 1 else 'are'}"
