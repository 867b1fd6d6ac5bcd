"""Which markets an account has, by what the exchange says of it and by what was known before. Pure.

Source: the pages "Account Info" and "Get API Key Permission"; that Portfolio Margin replaces the futures and the cross
margin of an account is documented in its FAQ, that each isolated pair goes with them is a conclusion.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from etl.core.markets import MARKETS, USDM, market_named
from etl.core.markets.margin import MARKET as MARGIN
from etl.core.markets.market import Market
from etl.core.timeline import DAY, HOUR, iso

ASK_AGAIN = 20 * HOUR
"""Milliseconds for which an answer counts, so that every night asks once."""

ASK_A_CLONE_AGAIN = 7 * DAY
"""The same where the host does not say which markets an account has, as that of a test or of a clone."""

ACCOUNT_INFO = "/sapi/v1/account/info"
NOBODY = "nobody"
"""The source of what is assumed: that an account of which nothing is said has USDⓈ-M futures."""

NOT_CHOSEN = "it is not among the markets that the settings name"
REFUSED = "the key may not read it"
HAS_NONE = "the exchange says that it has no market of force orders; if it has, name it with the setting markets"
GONE = "the account does not have it any more; Portfolio Margin replaces the markets of an account"


class MarketState(StrEnum):
    """The column `state` of `account_markets`."""

    READ = "read"
    NOT_PERMITTED = "not_permitted"
    """The key may not read it."""
    ABSENT = "absent"
    """The account does not have it."""
    UNKNOWN = "unknown"
    """Nobody could be asked."""
    CLOSED = "closed"
    """The account had it until `closed_at`."""


@dataclass(frozen=True, slots=True)
class AccountMarket:
    """What is known of a market of an account. Times are epoch milliseconds."""

    account: str
    market: str
    state: MarketState
    exists: bool | None
    """Whether the account has it, whoever may read it. None: nobody knows."""
    source: str
    """Which request told."""
    seen_at: int
    """When it told."""
    reason: str | None = None
    """Why the market is not read, in words."""
    since: int | None = None
    """From when on the account has it. None: nobody knows, so it counts from the account's beginning."""
    closed_at: int | None = None


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """What the exchange says that an account has."""

    has_futures: bool
    has_margin: bool
    is_portfolio_margin: bool

    def markets(self) -> frozenset[str]:
        """The names of the account's markets."""
        if self.is_portfolio_margin:
            return frozenset(market.name for market in MARKETS if market.is_portfolio_margin)
        classic = {"usdm": self.has_futures, "coinm": self.has_futures, "margin": self.has_margin}
        return frozenset(name for name, has_it in classic.items() if has_it)


class Probe(StrEnum):
    """How a market answered a request that only asks whether the key may read it."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """The key may not read it, or the account does not have it: the exchange says the same of both."""
    NOT_SERVED = "not served"
    """The host does not have the endpoint."""
    SILENT = "silent"


def is_recent(known: Sequence[AccountMarket], now: int) -> bool:
    """Whether what is known needs no new request. A key that was refused may have been replaced since."""
    refused = any(one.state is MarketState.NOT_PERMITTED for one in known)
    is_told = any(one.source in (ACCOUNT_INFO, MARGIN.path) for one in known)
    since = now - (ASK_AGAIN if is_told else ASK_A_CLONE_AGAIN)
    return bool(known) and not refused and all(since < one.seen_at <= now for one in known)


def to_probe(before: Iterable[AccountMarket], info: AccountInfo | None, *, serves_wallets: bool = False) -> list[str]:
    """The markets to ask themselves, beside what the exchange says of the account (None: nothing).

    `serves_wallets`: whether the host has the API for wallets at all, and so that of margin.

    Those that are said not to be there and were read or never asked: the word of one endpoint alone does not leave a
    market out. Those that refused the key. And where nothing is said, the markets of which nothing is known: COIN-M
    first, which a host of USDⓈ-M alone does not have, and Portfolio Margin once USDⓈ-M has refused the key. USDⓈ-M
    itself is read anyhow.
    """
    former = {one.market: one.state for one in before}
    refused = [name for name, state in former.items() if state is MarketState.NOT_PERMITTED]
    if info is not None:
        doubted = [market.name for market in MARKETS if former.get(market.name) in (MarketState.READ, None)]
        absent = [name for name in doubted if name not in info.markets()]
        return [*absent, *(name for name in refused if name in info.markets())]
    heirs = [market.name for market in MARKETS if market.is_portfolio_margin] if USDM in refused else []
    unsaid = ["coinm", "margin"] if serves_wallets else ["coinm"]
    return list(
        dict.fromkeys([*refused, *heirs, *(name for name in unsaid if former.get(name) is not MarketState.READ)])
    )


def conclude(
    account: str,
    before: Sequence[AccountMarket],
    info: AccountInfo | None,
    probes: Mapping[str, Probe],
    watermarks: Mapping[str, int],
    now: int,
) -> list[AccountMarket]:
    """What is known after new answers. A silent market takes nothing back.

    A market that was read and is gone is closed, and one that is new then begins where the old one's proof ends
    (`watermarks`, by market): the instant of a switch to or from Portfolio Margin is not known, and whatever came after
    the watermark may be in either. It begins earlier where the exchange last said earlier that the account does not
    have it, and has no beginning where the exchange never said so: the old endpoint may have answered with empty pages
    after the switch. What the old market had until it was closed stays a gap: nobody can read it any more.
    """
    former = {one.market: one for one in before}
    is_switch = any(probes.get(market.name) is Probe.ANSWERED for market in MARKETS if market.is_portfolio_margin)
    after = [
        _judged(account, market, former.get(market.name), info, probes.get(market.name), now, is_switch=is_switch)
        for market in MARKETS
    ]
    ended = [one.market for one in after if one.state is MarketState.CLOSED and one.closed_at == now]
    begins = min((watermarks[name] for name in ended if name in watermarks), default=None)
    return [
        replace(one, since=_beginning(before_it, begins)) if _is_new(before_it := former.get(one.market), one) else one
        for one in after
    ]


def _judged(
    account: str,
    market: Market,
    former: AccountMarket | None,
    info: AccountInfo | None,
    probe: Probe | None,
    now: int,
    *,
    is_switch: bool,
) -> AccountMarket:
    was_read = former is not None and former.state in (MarketState.READ, MarketState.NOT_PERMITTED)
    is_said = None if info is None else market.name in info.markets()
    is_of_market = probe is Probe.ANSWERED or (probe is not None and info is None)
    source = market.path if is_of_market else ACCOUNT_INFO if info is not None else NOBODY
    known = AccountMarket(account, market.name, MarketState.UNKNOWN, None, source, now) if former is None else former
    known = replace(known, source=source, seen_at=now)
    is_silent = probe is Probe.SILENT and known.state is not MarketState.NOT_PERMITTED
    if probe is Probe.ANSWERED or (is_said and (probe is None or is_silent)):
        return replace(known, state=MarketState.READ, exists=True, reason=None, closed_at=None)
    if probe is Probe.SILENT:
        return known
    is_gone = is_said is False or (is_switch and not market.is_portfolio_margin) or probe is Probe.NOT_SERVED
    if is_gone and (was_read or known.state is MarketState.CLOSED):
        closed_at = now if known.closed_at is None else known.closed_at
        return replace(known, state=MarketState.CLOSED, exists=False, reason=GONE, closed_at=closed_at)
    if is_gone:
        return replace(known, state=MarketState.ABSENT, exists=False)
    if probe is Probe.REFUSED and known.state is not MarketState.CLOSED:
        exists = True if is_said else known.exists
        return replace(known, state=MarketState.NOT_PERMITTED, exists=exists, reason=REFUSED)
    if market.name == USDM and former is None:
        return replace(known, state=MarketState.READ)
    return known


def _beginning(former: AccountMarket | None, watermark: int | None) -> int | None:
    """From when on a new market is read; `watermark`: where the proof of the former market ends."""
    if watermark is None or former is None or former.source != ACCOUNT_INFO:
        return None
    return min(watermark, former.seen_at)


def _is_new(former: AccountMarket | None, one: AccountMarket) -> bool:
    """Whether the account has a market that it did not have before."""
    if one.state is not MarketState.READ:
        return False
    return former is None or (former.state is not MarketState.READ and not former.exists)


def choose(known: Iterable[AccountMarket], chosen: Sequence[str]) -> list[AccountMarket]:
    """What is known once the operator has chosen the markets to read: those that change."""
    changed = []
    for one in known:
        is_chosen = one.market in chosen
        if not is_chosen and one.state is MarketState.READ:
            changed.append(replace(one, state=MarketState.UNKNOWN, reason=NOT_CHOSEN))
        elif is_chosen and one.reason == NOT_CHOSEN:
            changed.append(replace(one, state=MarketState.READ, reason=None))
    return changed


def readable(known: Iterable[AccountMarket]) -> tuple[str, ...]:
    """The markets to read, in the order in which they are read and shown."""
    states = {one.market: one.state for one in known}
    return tuple(market.name for market in MARKETS if states.get(market.name) is MarketState.READ)


def just_closed(known: Iterable[AccountMarket]) -> list[str]:
    """A line for each market that the newest answers closed."""
    return [
        f"{market_named(one.market).title} ({one.market}) ended before {iso(one.closed_at)}: {one.reason}; what was "
        "not read of it until then is a gap for ever"
        for one in known
        if one.state is MarketState.CLOSED and one.closed_at is not None and one.closed_at == one.seen_at
    ]


def unread(known: Iterable[AccountMarket]) -> list[str]:
    """A line for each market that the account has and that is not read."""
    return [
        f"{market_named(one.market).title} ({one.market}): {one.reason or REFUSED}"
        for one in known
        if one.exists and one.state not in (MarketState.READ, MarketState.CLOSED)
    ]
