"""The order exports that accounts have requested: from processing through completed to expired, and their quota."""

import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from etl.simulator.export_files import OrderFile
from etl.simulator.scenario import DAY_MS, Scenario

DOWNLOADS = "/exports"
"""Where links lead. Faults and statistics know every link by this path."""
FIRST_ID = 546_975_389_218_332_672


@dataclass(slots=True)
class Export:
    """One export, whose file holds what could be read when it was requested. Times are epoch milliseconds.

    `file`: None where it fails. `token`: who has it may download. `downloads` counts those that were answered.
    """

    download_id: str
    account: str
    market: str
    start_ms: int
    end_ms: int
    asked_ms: int
    done_ms: int
    expires_ms: int
    file: OrderFile | None
    token: str
    downloads: int = 0

    def is_expired(self, now_ms: int) -> bool:
        """Whether its link has ended."""
        return self.file is not None and now_ms >= self.expires_ms

    def status(self, now_ms: int) -> str:
        """The exchange's word for its state; an expired one stays completed."""
        if now_ms < self.done_ms:
            return "processing"
        return "completed" if self.file else "failed"

    def is_ready(self, now_ms: int) -> bool:
        """Whether its link works."""
        return self.status(now_ms) == "completed" and not self.is_expired(now_ms)

    def document(self, now_ms: int) -> dict[str, Any]:
        """The export as JSON for a test."""
        return {
            "downloadId": self.download_id,
            "account": self.account,
            "market": self.market,
            "startTime": self.start_ms,
            "endTime": self.end_ms,
            "asked_ms": self.asked_ms,
            "status": self.status(now_ms),
            "isExpired": self.is_expired(now_ms),
            "downloads": self.downloads,
        }


class Exports:
    """All exports of all accounts. Each that was accepted counts, whatever comes of it; a refused request does not."""

    def __init__(self) -> None:
        self._by_id: dict[str, Export] = {}
        self._by_token: dict[str, Export] = {}

    def accept(
        self, account: str, market: str, span_ms: tuple[int, int], file: OrderFile, scenario: Scenario, now_ms: int
    ) -> Export:
        """Begin an export with the file that it will have, unless the scenario lets it fail."""
        done_ms = now_ms + scenario.export_processing_ms
        export = Export(
            str(FIRST_ID + len(self._by_id)),
            account,
            market,
            *span_ms,
            asked_ms=now_ms,
            done_ms=done_ms,
            expires_ms=done_ms + scenario.export_link_days * DAY_MS,
            file=file if scenario.export_outcome == "completed" else None,
            token=secrets.token_urlsafe(32),
        )
        self._by_id[export.download_id] = self._by_token[export.token] = export
        return export

    def used(self, account: str, market: str, now_ms: int) -> int:
        """How many exports an account has requested in a market in the calendar month of an instant."""
        asked = (one for one in self._by_id.values() if (one.account, one.market) == (account, market))
        return sum(month_of(one.asked_ms) == month_of(now_ms) for one in asked)

    def of(self, account: str, market: str, download_id: str) -> Export | None:
        """An account's export in a market by its id."""
        export = self._by_id.get(download_id)
        return export if export and (export.account, export.market) == (account, market) else None

    def with_token(self, token: str) -> Export | None:
        """The export whose link has this token."""
        return self._by_token.get(token)

    def document(self, now_ms: int) -> dict[str, list[dict[str, Any]]]:
        """All exports, oldest first, and how many each account requested in each market and month, as JSON."""
        used = Counter((one.account, one.market, month_of(one.asked_ms)) for one in self._by_id.values())
        names = ("account", "market", "month", "used")
        return {
            "exports": [one.document(now_ms) for one in self._by_id.values()],
            "used": [dict(zip(names, (*key, count), strict=True)) for key, count in sorted(used.items())],
        }


def month_of(at_ms: int) -> str:
    """The calendar month of an instant in UTC, such as 2026-11."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m")


def route_of(path: str) -> str:
    """The path under which a request is counted: that of a link without its token."""
    return DOWNLOADS if path.startswith(f"{DOWNLOADS}/") else path
