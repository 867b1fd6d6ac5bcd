"""A connection pooler for tests: it gives each transaction one of its sessions, or lets each client keep its own."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote, urlencode

from etl.store.engine import parse_url

ENCRYPTION_REQUESTS = (80877103, 80877104)
"""The first number of a client that asks for TLS or GSSAPI."""


class Pooler:
    """Each client logs in to the server by itself. Its session then belongs to the pool, and a transaction takes the
    one that was given back last, as PgBouncer does, or with `in_turn` the one that was given back first.
    """

    def __init__(self, url: str, *, by_session: bool, in_turn: bool = False) -> None:
        self._to = parse_url(url)
        self._by_session = by_session
        self._in_turn = in_turn
        self._idle: list[socket.socket] = []
        self._changed = threading.Condition()
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        """The libpq URL of the same database through the pooler."""
        own = {"host": "127.0.0.1", "port": str(self._listening.getsockname()[1])}
        query = urlencode({name: value for name, value in (self._to | own).items() if name != "dbname"})
        return f"postgresql:///{quote(self._to['dbname'])}?{query}"

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listening.accept()[0]
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        for one in [self._listening, *self._open]:
            one.close()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            server = self._connected()
            self._log_in(client, server)
            if not self._by_session:
                self._give_back(server)
            while True:
                request = _request(client)
                if not self._by_session:
                    server = self._taken()
                server.sendall(request)
                while not self._answered(server, client):
                    server.sendall(_request(client))
                if not self._by_session:
                    self._give_back(server)

    def _connected(self) -> socket.socket:
        host, port = self._to["host"], self._to.get("port", "5432")
        if host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{host}/.s.PGSQL.{port}")
        else:
            server = socket.create_connection((host, int(port)))
        self._open.append(server)
        return server

    def _log_in(self, client: socket.socket, server: socket.socket) -> None:
        startup = _startup(client)
        while struct.unpack("!i", startup[4:8])[0] in ENCRYPTION_REQUESTS:
            client.sendall(b"N")
            startup = _startup(client)
        server.sendall(startup)
        while True:
            answer = _message(server)
            if answer[:1] == b"K":  # the key to cancel a statement: a pooler gives one of its own
                answer = answer[:5] + struct.pack("!i", 1) + answer[9:]
            client.sendall(answer)
            if answer[:1] == b"Z":
                return
            if answer[:1] == b"R" and struct.unpack("!i", answer[5:9])[0] not in (0, 12):
                server.sendall(_message(client))

    def _answered(self, server: socket.socket, client: socket.socket) -> bool:
        """Pass on one answer; whether no transaction is open now."""
        while True:
            answer = _message(server)
            client.sendall(answer)
            if answer[:1] == b"Z":
                return answer[5:] == b"I"

    def _taken(self) -> socket.socket:
        with self._changed:
            self._changed.wait_for(lambda: self._idle)
            return self._idle.pop(0 if self._in_turn else -1)

    def _give_back(self, server: socket.socket) -> None:
        with self._changed:
            self._idle.append(server)
            self._changed.notify()


@contextmanager
def pooler(url: str, *, by_session: bool, in_turn: bool = False) -> Iterator[str]:
    """The libpq URL of the database through a pooler, which ends with the block."""
    running = Pooler(url, by_session=by_session, in_turn=in_turn)
    thread = threading.Thread(target=running.serve)
    thread.start()
    try:
        yield running.url
    finally:
        running.close()
        thread.join()


def _startup(client: socket.socket) -> bytes:
    """A message without a kind: how each client begins."""
    length = _exactly(client, 4)
    return length + _exactly(client, struct.unpack("!i", length)[0] - 4)


def _message(sender: socket.socket) -> bytes:
    """https://www.postgresql.org/docs/current/protocol-message-formats.html"""
    head = _exactly(sender, 5)
    return head + _exactly(sender, struct.unpack("!i", head[1:])[0] - 4)


def _request(client: socket.socket) -> bytes:
    """The messages to the next that the server answers: a query, or the end of an extended one."""
    request = b""
    while True:
        message = _message(client)
        if message[:1] == b"X":
            raise ConnectionResetError
        request += message
        if message[:1] in b"QS":
            return request


def _exactly(sender: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        more = sender.recv(count - len(received))
        if not more:
            raise ConnectionResetError
        received += more
    return received
