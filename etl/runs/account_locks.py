"""Locks the accounts of a run in their markets, until its connection ends."""

import time
from collections.abc import Sequence

from sqlalchemy import Connection

from etl.core.timeline import SECOND
from etl.core.wallets import Wallet
from etl.errors import StoppedError
from etl.runs.fetchers import STOPPED, TICK
from etl.runs.reader import Reader
from etl.store import locks
from etl.waits import WAITS, Reason


def lock_wallets(connection: Connection, reader: Reader, wanted: Sequence[Wallet]) -> dict[Wallet, str]:
    """Lock them all; returns those that are left out, with a line each. Raises StoppedError.

    One that stays locked by another run is left out. So is one, without waiting, that is locked by a role that cannot
    have a run. If two runs wait for each other's accounts, both give up at their timeout.
    """
    waiting, refused = list(wanted), dict[Wallet, str]()
    began = time.monotonic()
    deadline = began + reader.lock_timeout_ms / SECOND
    with WAITS.slot() as slot:
        while waiting:
            for wallet in list(waiting):
                if locks.hold_account(connection, *wallet):
                    waiting.remove(wallet)
                elif (by := _holder(connection, wallet)) is not None and not by.may_store:
                    refused[wallet] = locks.busy(wallet, by)
                    waiting.remove(wallet)
            connection.commit()
            if time.monotonic() >= deadline:
                break
            if waiting:
                # The end of the line may be cut, so the time comes first.
                by = _holder(connection, waiting[0])
                does = "reads" if by is None or by.is_run else "has"
                slot.put(Reason.ACCOUNT, f"{by or 'another run'} {does} account {waiting[0]}", since=began)
                if reader.stop.wait(TICK):
                    raise StoppedError(STOPPED)
    return refused | {wallet: locks.busy(wallet, _holder(connection, wallet)) for wallet in waiting}


def _holder(connection: Connection, wallet: Wallet) -> locks.Holder | None:
    holder = locks.holder(connection, *wallet)
    connection.rollback()
    return holder
