"""The simulator as a server on a loopback port: in the foreground for the command, in a thread for programs."""

import asyncio
import gc
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType

from etl.simulator.accounts import MAIN, Account
from etl.simulator.control import PREFIX, control
from etl.simulator.exchange import Exchange
from etl.simulator.faults import Fault
from etl.simulator.history import Generated
from etl.simulator.markets import USDM
from etl.simulator.messages import Reply, Request
from etl.simulator.protocol import Connection
from etl.simulator.scenario import Scenario
from etl.simulator.venue import Histories

HOST = "127.0.0.1"  # and no other: its control endpoints have no access control
SEND_BUFFER = 512 * 1024  # bytes: several pages, so that one write sends one page

AccessLog = Callable[[Request, Reply], None]


def real_time_ms() -> float:
    """The real clock, epoch milliseconds."""
    return time.time() * 1000


class Simulator:
    """The exchange behind a socket. Listens on `port` (0: a free one) of 127.0.0.1 as soon as it is created.

    `histories`: by account name, exchange orders or `Generated` of USDⓈ-M, or such by the names of markets; without it
    every account gets a demo history of its own in USDⓈ-M. `real_ms` is the clock that drives the server clock; a
    test may pass its own. Raises OSError for a port in use.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        accounts: Sequence[Account] = (MAIN,),
        histories: Histories | None = None,
        faults: Iterable[Fault] = (),
        port: int = 0,
        real_ms: Callable[[], float] = real_time_ms,
        access_log: AccessLog | None = None,
    ) -> None:
        if histories is None:
            histories = {one.name: Generated(seed=history_seed(1, one.name)) for one in accounts}
        self.exchange = Exchange(scenario or Scenario(), accounts, histories, faults, real_ms())
        self._socket = socket.create_server((HOST, port), backlog=512)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        self._real_ms = real_ms
        self._access_log = access_log
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None

    def serve_forever(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve in this (the main) thread until SIGINT or SIGTERM; `ready` is called once both are handled."""
        gc.freeze()  # the history is never freed; collecting it would cost a tenth of the speed
        asyncio.run(self._serve(ready, (signal.SIGINT, signal.SIGTERM)))

    def start(self) -> "Simulator":
        """Serve in a daemon thread with its own loop; earlier requests wait in the socket."""
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(ready.set)), name="simulator", daemon=True
        )
        self._thread.start()
        ready.wait()
        return self

    def stop(self) -> None:
        """End the server and every open connection; also closes one that was never started."""
        if self._thread and self._loop and self._ended:
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()
            self._thread = None
        self._socket.close()

    def __enter__(self) -> "Simulator":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def answer(self, request: Request) -> Reply:
        """The reply to any request, exchange or control."""
        if request.path.startswith(PREFIX):
            return control(self.exchange, request, self._real_ms())
        reply = self.exchange.answer(request, self._real_ms())
        if self._access_log:
            self._access_log(request, reply)
        return reply

    async def _serve(self, ready: Callable[[], None], signals: Sequence[signal.Signals] = ()) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        for number in signals:
            self._loop.add_signal_handler(number, self._ended.set)
        connections: set[Connection] = set()
        server = await self._loop.create_server(lambda: Connection(self.answer, connections), sock=self._socket)
        ready()
        await self._ended.wait()
        server.close()
        for connection in list(connections):
            connection.abort()
        await asyncio.sleep(0)  # lets the aborted transports close their sockets


def history_seed(seed: int, account: str, market: str = USDM.name) -> str:
    """The seed of a generated history: each account has its own in each market."""
    return f"{seed}/{account}" if market == USDM.name else f"{seed}/{account}/{market}"
