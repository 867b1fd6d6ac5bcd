"""A worker's heartbeat: it tells the others that the worker lives, and tells the worker when they do not hear it.

It has a connection of its own, so that it depends on nothing that the jobs do. Procrastinate's own heartbeat is not
used: it ends for ever, without a word, at the first statement that fails, and while a stopping worker waits for its
jobs there is none at all.
"""

import asyncio
import time
from collections.abc import Callable

import psycopg

from etl.errors import StoreError
from etl.fleet.pace import Pace
from etl.logs import logger
from etl.store.engine import conninfo_of, store_errors

_BEAT = """
    UPDATE procrastinate_workers SET last_heartbeat = now()
     WHERE id = %s AND last_heartbeat > now() - %s * interval '1 second'
"""
"""Changes nothing for a worker that counts as dead: others may have its jobs already."""

TAKEN_FOR_DEAD = "other workers have taken it for dead"

_log = logger(__name__)


class Heartbeat:
    """The heartbeat of one worker, from its registration on."""

    def __init__(self, url: str, pace: Pace, now: Callable[[], float] = time.monotonic) -> None:
        self._conninfo = conninfo_of(url)
        self._pace = pace
        self._now = now
        self._connection: psycopg.AsyncConnection | None = None
        self._under_way: set[asyncio.Task[bool]] = set()
        self.heard_at = now()
        """When the newest heartbeat that the database took was sent, by the monotonic clock."""

    @property
    def silence(self) -> float:
        """Seconds since then."""
        return self._now() - self.heard_at

    async def until_lost(self, worker_id: int) -> str:
        """Beat; returns why, once the worker must stop its jobs. A heartbeat that fails is logged and sent again."""
        failure = ""
        try:
            while True:
                if (left := self._pace.gives_up_after - self.silence) <= 0:
                    return f"no heartbeat for {self.silence:.0f} s: {failure or 'the process stood still'}"
                sent = self._now()
                try:
                    if not await self._beat(worker_id, min(left, self._pace.heartbeat)):
                        return TAKEN_FOR_DEAD
                except StoreError as error:
                    is_cut_short = left < self._pace.heartbeat
                    if str(error) != failure and not (failure and is_cut_short):
                        failure = str(error)
                        _log.warning("the heartbeat fails and is sent again: %s", error)
                    await asyncio.sleep(min(self._pace.retry, left))
                    continue
                if failure:
                    _log.warning("the heartbeat is back after %.0f s", self.silence)
                self.heard_at, failure = sent, ""
                await asyncio.sleep(self._pace.heartbeat)
        finally:
            await self._close()

    async def _beat(self, worker_id: int, seconds: float) -> bool:
        """Whether the worker still counts as alive; raises StoreError, at the latest after so many seconds.

        A statement that hangs is not waited for, because its cancellation may hang too. One that is under way when the
        heartbeat itself is cancelled is cancelled with it, and closes its connection.
        """
        beating = asyncio.ensure_future(self._send(worker_id))
        self._under_way.add(beating)
        beating.add_done_callback(self._forget)
        try:
            await asyncio.wait({beating}, timeout=seconds)
        finally:
            beating.cancel()
        if beating.done():
            return beating.result()
        raise StoreError(f"the database did not answer within {seconds:.2g} s")

    async def _send(self, worker_id: int) -> bool:
        """Keeps the connection only if the statement went through."""
        with store_errors():
            kept, self._connection = self._connection, None
            connection = kept or await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
            try:
                sent = await connection.execute(_BEAT, (worker_id, self._pace.dead_after))
            except BaseException:
                await connection.close()
                raise
            self._connection = connection
            return sent.rowcount == 1

    def _forget(self, beating: "asyncio.Task[bool]") -> None:
        self._under_way.discard(beating)
        if not beating.cancelled():
            beating.exception()  # it has been asked for: asyncio does not complain

    async def _close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
