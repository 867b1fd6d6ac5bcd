"""The settings: their names, their defaults and what each accepts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import platformdirs

from etl.core.markets import NAMES
from etl.core.markets.apis import APIS, FAPI
from etl.file_access import DATA_OF_ROOT, NOWHERE, is_root
from etl.settings import checks
from etl.settings.secret import SecretStr


@dataclass(frozen=True)
class AccountKeys:
    """`[accounts.NAME]`: where the key of an account is stored, never the secret itself."""

    api_key_file: Annotated[Path | None, checks.path] = None
    api_key_variable: Annotated[str | None, checks.text(200)] = None
    api_secret_file: Annotated[Path | None, checks.path] = None
    api_secret_variable: Annotated[str | None, checks.text(200)] = None
    private_key_file: Annotated[Path | None, checks.path] = None
    queue: Annotated[str | None, checks.text(100)] = None
    markets: Annotated[tuple[str, ...] | None, checks.auto_or_some_of(*NAMES)] = None
    """None: as for all accounts."""


@dataclass(frozen=True)
class InvalidAccount:
    """An account whose own file cannot be read or is invalid. The other accounts are read nevertheless."""

    fault: str


def _default_data_dir() -> Path:
    """The user's own; that of root where its home directory is unknown, NOWHERE for any other such user."""
    try:
        return platformdirs.user_data_path("force-orders", appauthor=False)
    except RuntimeError:  # no HOME, and a user id without a name, as in many containers
        return DATA_OF_ROOT if is_root() else NOWHERE


@dataclass(frozen=True)
class Settings:
    """All settings with their defaults and checks; `force-orders config example` explains them."""

    database_url: Annotated[SecretStr | None, checks.database_url] = None
    data_dir: Annotated[Path, checks.path] = field(default_factory=_default_data_dir)
    base_url: Annotated[str, checks.base_url] = FAPI.base_url
    dapi_base_url: Annotated[str | None, checks.base_url] = None
    papi_base_url: Annotated[str | None, checks.base_url] = None
    sapi_base_url: Annotated[str | None, checks.base_url] = None
    markets: Annotated[tuple[str, ...], checks.auto_or_some_of(*NAMES)] = ()
    """None named: those that the exchange says the account has."""
    weight_budget: Annotated[int | None, checks.whole(50, 10_000_000)] = None
    retention_days: Annotated[int, checks.whole(0, 36_500)] = 90
    settle_seconds: Annotated[int, checks.whole(0, 86_400)] = 600
    reread_days: Annotated[int, checks.whole(0, 60)] = 7
    window_days: Annotated[float, checks.number(0.001, 7)] = 7
    page_limit: Annotated[int, checks.whole(1, 100)] = 100
    cost_weight: Annotated[int, checks.whole(0, 10_000_000)] = 3_000
    income_types: Annotated[tuple[str, ...], checks.income_types] = ("INSURANCE_CLEAR",)
    reconcile_days: Annotated[int, checks.whole(0, 90)] = 7
    audit_windows: Annotated[int, checks.whole(0, 1_000)] = 2
    mark_prices: Annotated[bool, checks.yes_or_no] = False
    concurrency: Annotated[int, checks.whole(1, 32)] = 8
    attempts: Annotated[int, checks.whole(1, 20)] = 6
    connect_timeout_seconds: Annotated[float, checks.number(0, 300)] = 5
    read_timeout_seconds: Annotated[float, checks.number(0, 300)] = 30
    recv_window_ms: Annotated[int, checks.whole(100, 60_000)] = 5_000
    patience_seconds: Annotated[int, checks.whole(0, 86_400)] = 90
    keep_runs_days: Annotated[int, checks.whole(0, 36_500)] = 400
    warn_after_days: Annotated[float, checks.number(0, 36_500)] = 3
    backup_dir: Annotated[Path | None, checks.path] = None
    keep_backups: Annotated[int, checks.whole(0, 10_000)] = 7
    notify_urls_file: Annotated[Path | None, checks.path] = None
    notify_about: Annotated[tuple[str, ...], checks.some_of("failure", "gap", "orders")] = ("failure", "gap")
    notify_gap_days: Annotated[float, checks.number(0, 36_500)] = 14
    notify_timeout_seconds: Annotated[float, checks.number(0, 300)] = 20
    ping_url_file: Annotated[Path | None, checks.path] = None
    time_zone: Annotated[str, checks.time_zone] = "UTC"
    egress: Annotated[str | None, checks.text(200)] = None
    queue: Annotated[str, checks.text(100)] = "default"
    accounts_dir: Annotated[Path | None, checks.path] = None
    accounts: Mapping[str, AccountKeys | InvalidAccount] = field(default_factory=dict)
    """The accounts of the settings file and of `accounts_dir`."""

    def queue_of(self, account: str) -> str:
        """The queue of an account's jobs."""
        keys = self.accounts.get(account)
        return (keys.queue if isinstance(keys, AccountKeys) else None) or self.queue

    def markets_of(self, account: str) -> tuple[str, ...]:
        """The markets of an account that are set. None named: those that the exchange says it has."""
        keys = self.accounts.get(account)
        own = keys.markets if isinstance(keys, AccountKeys) else None
        return self.markets if own is None else own

    def base_urls(self) -> dict[str, str]:
        """The address of each API, by its name.

        A `base_url` of one's own, such as a proxy or a simulator, serves every API that has no address of its own: no
        key is ever sent to another host than the one that was chosen.
        """
        chosen = self.base_url if self.base_url != FAPI.base_url else None
        own = {
            "fapi": self.base_url,
            "dapi": self.dapi_base_url,
            "papi": self.papi_base_url,
            "sapi": self.sapi_base_url,
        }
        return {api.name: own[api.name] or chosen or api.base_url for api in APIS}
