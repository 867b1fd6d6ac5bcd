"""The switches of the simulator: everything about force orders that Binance does not document."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS

Kept = Literal["oldest", "newest", "by_symbol", "random"]
RowOrder = Literal["ascending", "descending", "shuffled"]
RowShape = Literal["2026-08", "2025"]
FilterField = Literal["time", "updateTime"]
WindowRule = Literal["lt", "le", "none", "cut"]
Hidden = Literal["none", "margin", "all"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way the exchange could behave. The defaults are the most likely; a correct client works with all of them.

    Each field is annotated with its meaning and, for a number, its least value (0 by default).
    """

    kept: Annotated[Kept, "which rows remain when more match than the limit allows"] = "oldest"
    order: Annotated[RowOrder, "in which order a page lists its rows"] = "ascending"
    row_shape: Annotated[
        RowShape, "the keys of a random row; 2026-08: fapi with pair and cumBase, dapi with cumQuote and goodTillDate"
    ] = "2026-08"
    start_inclusive: Annotated[bool, "whether a row exactly at startTime matches"] = True
    end_inclusive: Annotated[bool, "whether a row exactly at endTime matches"] = True
    filter_field: Annotated[FilterField, "the field that startTime and endTime filter and that rows sort by"] = "time"
    equal_ends: Annotated[Literal["accepted", "refused"], "startTime equal to endTime; refused: -1102"] = "accepted"
    window_rule: Annotated[
        WindowRule, "a window is less than (lt) or at most (le) the longest; none: any; cut: shortened"
    ] = "lt"
    longest_window_ms: Annotated[int, "the longest window, milliseconds", 1] = WEEK_MS
    limit_above_max: Annotated[Literal["cut", "refused"], "a limit above 100; cut: reduced to 100, refused: -1130"] = (
        "cut"
    )
    page_limit_cap: Annotated[int, "the most rows of a page, whatever limit was requested", 1] = 100
    duplicates: Annotated[int, "how many rows of a page are duplicated"] = 0
    strays: Annotated[int, "how many rows that were not requested are mixed into a page"] = 0
    retention_days: Annotated[int, "how many days back the exchange answers; 0: no limit"] = 90
    beyond_retention: Annotated[Literal["error", "empty"], "older times; error: -4166, empty: no rows"] = "error"
    visibility_delay_ms: Annotated[int, "milliseconds after its time until an order can be read"] = 0
    weight_limit: Annotated[int, "weight per minute and IP address, of fapi and dapi together", 1] = 2400
    papi_weight_limit: Annotated[int, "the same of papi", 1] = 6000
    sapi_weight_limit: Annotated[int, "the same of sapi", 1] = 12_000
    api_weight_limit: Annotated[int, "the same of api", 1] = 6000
    weight_with_symbol: Annotated[int, "weight of forceOrders with a symbol"] = 20
    weight_without_symbol: Annotated[int, "weight of forceOrders without a symbol"] = 50
    others_weight: Annotated[int, "weight per minute of a steady bot at fapi on the same address"] = 0
    retry_after: Annotated[Literal["seconds", "0", "missing"], "the Retry-After header of a 429 or 418"] = "seconds"
    strikes: Annotated[int, "how many requests after a 429, in its minute, get another 429; the next gets a ban"] = 3
    ban_seconds: Annotated[int, "length of a ban, seconds of the server clock", 1] = 120
    latency_ms: Annotated[int, "milliseconds by which every response is delayed"] = 0
    clock_offset_ms: Annotated[int, "milliseconds by which the server clock is ahead of the real one", None] = 0
    clock_speed: Annotated[float, "seconds of the server clock per real second", 0.001] = 1.0
    clock_at_ms: Annotated[int | None, "the server clock starts at this instant instead of now, milliseconds"] = None
    dapi: Annotated[bool, "whether this host has /dapi; without: 404, as at a clone"] = True
    papi: Annotated[bool, "whether this host has /papi"] = True
    sapi: Annotated[bool, "whether this host has /sapi and /api"] = True
    numbered_order: Annotated[
        Literal["descending", "ascending"], "margin orders come newest first (descending) or oldest first"
    ] = "descending"
    isolated_in_cross: Annotated[bool, "whether margin orders without isolatedSymbol are also those of pairs"] = False
    unopened_pairs: Annotated[
        Literal["empty", "-11001"], "what margin says of an isolated pair in which the account has no order"
    ] = "empty"
    late_rows: Annotated[int, "how many rows of a window of several margin pages arrive later, one after a page"] = 0
    no_wallet: Annotated[Literal["-4109", "-2015"], "what fapi and dapi say to an account without the wallet"] = "-4109"
    reading_suffices: Annotated[
        bool, "whether a key that may only read is enough; if not: enableFutures, at papi enablePortfolioMarginTrading"
    ] = True
    papi_shows_earlier: Annotated[bool, "whether papi shows orders from before Portfolio Margin"] = False
    risk_based_liquidations: Annotated[
        Hidden, "liquidations in Portfolio Margin that leave no order, only capital flows: of margin, or of all markets"
    ] = "none"
    settlements_in: Annotated[
        Literal["both", "force_orders", "all_orders"], "which list shows settlements: that of forced orders, of all"
    ] = "both"
    own_orders_a_day: Annotated[
        int, "orders a day that the owner placed in each market of futures; 0: then no funding and transfers either"
    ] = 2
    own_autoclose_a_day: Annotated[int, "further ones a day whose client order id the owner began with autoclose-"] = 0
    own_autoclose_layout: Annotated[
        Literal["other", "exchange"], "what follows in those ids; exchange: 13 and 6 digits, as in forced orders"
    ] = "other"
    unfilled_kept_days: Annotated[
        int, "days until allOrders drops cancelled and expired orders without a fill; 0: it keeps them"
    ] = 3
    all_orders_filter: Annotated[FilterField, "the field that the window of allOrders filters and sorts by"] = "time"
    all_orders_without_symbol: Annotated[
        Literal["accepted", "-1102"], "what allOrders of fapi says to a request without symbol"
    ] = "accepted"
    trades_kept: Annotated[Literal["oldest", "newest"], "which trades remain when more match than the limit allows"] = (
        "oldest"
    )
    trades_retention_days: Annotated[int, "how many days back userTrades answers; 0: no limit"] = 90
    income_retention_days: Annotated[int, "the same of income; at papi cm 200 days in any case; 0: no limit"] = 90
    records_delay_ms: Annotated[int, "milliseconds after its time until a trade or an income can be read"] = 0
    late_trades_ms: Annotated[
        int, "the same of the last trade of every third order, while its income can be read: sums do not match"
    ] = 0
    closed_symbols: Annotated[str, "symbols with commas that allOrders and userTrades refuse, and list nowhere"] = ""
    closed_symbol_code: Annotated[Literal["-4141", "-1121"], "how they are refused"] = "-4141"
    fee_in_bnb: Annotated[bool, "whether fees of USDⓈ-M are paid in BNB"] = False
    income_tran_id: Annotated[Literal["unique", "0"], "the tranId of income; 0: of every row"] = "unique"
    clearance_trade_id: Annotated[bool, "whether INSURANCE_CLEAR names the last trade of its order"] = True
    export_quota: Annotated[int, "order exports of fapi that an account may request in a calendar month (UTC)"] = 10
    dapi_export_quota: Annotated[int, "the same of dapi"] = 8
    papi_export_quota: Annotated[int, "the same of papi um"] = 10
    export_quota_code: Annotated[int, "the code of the refusal beyond that, with HTTP 400", None] = -4190
    export_calls_a_minute: Annotated[
        int, "requests for order exports per minute, pool and address; one more: a ban"
    ] = 2
    export_span_code: Annotated[Literal["-4165", "-1130"], "how an export of more than a year is refused"] = "-4165"
    export_processing_ms: Annotated[int, "how long an export is processed, milliseconds of the server clock"] = 300_000
    export_outcome: Annotated[Literal["completed", "failed"], "the status of an export after that"] = "completed"
    export_link_days: Annotated[int, "days from then on until the link of an export expires"] = 7
    export_expired_as: Annotated[
        Literal["true", "text"], "isExpired from then on: true, or the text that the official clients expect"
    ] = "true"
    export_url_scheme: Annotated[bool, "whether the link begins with http://"] = True
    export_container: Annotated[Literal["zip", "gzip", "bare"], "what the CSV of an order file is packed into"] = "zip"
    export_bom: Annotated[bool, "whether an order file begins with a byte order mark"] = True
    export_line_end: Annotated[Literal["CRLF", "LF"], "how its lines end"] = "CRLF"
    export_header: Annotated[
        Literal["known", "extra", "renamed"], "its columns; extra: also Strategy Id, renamed: Order ID for Order No"
    ] = "known"
    export_states: Annotated[
        Literal["last", "all"], "rows of an order in it; all: first as NEW, then as it ended, also within one second"
    ] = "last"
    export_unfilled: Annotated[bool, "whether it has orders that ended without a fill"] = True
    export_forced_type: Annotated[Literal["LIMIT", "LIQUIDATION"], "the Type of liquidations in an export"] = "LIMIT"
    web_forced_type: Annotated[Literal["Liquidation", "LIMIT"], "the same in a file of the web page"] = "Liquidation"
    export_empty: Annotated[
        Literal["message", "header"], 'a file without orders; message: "No data matches the criteria." as its row'
    ] = "message"
    export_ids: Annotated[
        Literal["exact", "exponent", "zeros"],
        "Order No as saved by a spreadsheet; exponent: 8.38977E+18 from 12 digits on, zeros: after 15 digits",
    ] = "exact"
    export_cut: Annotated[
        Literal["none", "csv", "file"], "a damaged file; csv: it ends in the middle of a row, file: half of the bytes"
    ] = "none"
    export_foreign_rows: Annotated[int, "how many of its last rows have the Uid of another account"] = 0
    export_delay_ms: Annotated[int, "milliseconds until an order is in the files"] = 0
    order_id_offset: Annotated[int, "added to each random order id; 8389766251307928000: beyond 2^53"] = 0
    seed: Annotated[int, "the seed of all random choices, random histories included"] = 1


@dataclass(frozen=True, slots=True)
class Switch:
    """A field of Scenario as an option of the command. `kind` is bool, int, float or str; `least` bounds a number."""

    name: str
    kind: type
    default: Any
    meaning: str
    choices: tuple[str, ...] = ()
    least: float | None = None
    optional: bool = False


def switches(scenario: Scenario) -> dict[str, Any]:
    """The scenario as the JSON object that `changed` takes."""
    return asdict(scenario)


def changed(scenario: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """The scenario with some switches set. Raises ValueError, one line, for an unknown name or a wrong value."""
    for name, value in changes.items():
        if name not in SWITCHES:
            raise ValueError(f"there is no switch {name!r}")
        problem = _problem(value, SWITCHES[name])
        if problem:
            raise ValueError(f"{name} {problem}, not {value!r}")
    return replace(scenario, **changes)


def _problem(value: object, switch: Switch) -> str | None:
    if switch.choices:
        return None if value in switch.choices else f"must be one of {', '.join(switch.choices)}"
    if switch.kind is bool:
        return None if isinstance(value, bool) else "must be true or false"
    if value is None and switch.optional:
        return None
    if switch.kind is str:
        return None if isinstance(value, str) else "must be a text"
    if isinstance(value, bool) or not isinstance(value, (int, float) if switch.kind is float else int):
        return "must be a number" if switch.kind is float else "must be a whole number"
    return f"must be at least {switch.least:g}" if switch.least is not None and value < switch.least else None


def _switch(name: str, default: Any, hint: Any) -> Switch:
    bare, meaning, *bound = get_args(hint)
    least = bound[0] if bound else 0
    if get_origin(bare) is Literal:
        return Switch(name, str, default, meaning, choices=get_args(bare))
    if isinstance(bare, UnionType):
        return Switch(name, get_args(bare)[0], default, meaning, least=least, optional=True)
    return Switch(name, bare, default, meaning, least=None if bare in (bool, str) else least)


def _switches() -> Mapping[str, Switch]:
    hints = get_type_hints(Scenario, include_extras=True)
    return {one.name: _switch(one.name, one.default, hints[one.name]) for one in fields(Scenario)}


SWITCHES = _switches()
