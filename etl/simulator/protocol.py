"""HTTP/1.1 over one connection, written by hand: for speed, and because faults need the raw socket."""

import asyncio
import socket
import struct
from collections.abc import Callable
from http import HTTPStatus

from etl.simulator.messages import Reply, Request

HEAD_END = b"\r\n\r\n"
GREATEST_HEAD = 64 * 1024  # bytes
GREATEST_BODY = 256 * 1024 * 1024  # bytes: a test may post a large history
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds

Answer = Callable[[Request], Reply]


class Connection(asyncio.Protocol):
    """One client connection: reads one request at a time and sends its reply before it reads the next."""

    def __init__(self, answer: Answer, open_connections: set["Connection"]) -> None:
        self._answer = answer
        self._open = open_connections
        self._buffer = bytearray()
        self._waiting = False  # a reply is delayed or never sent; what arrives meanwhile stays in the buffer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # the loop guarantees the type
        self._transport = transport
        self._ip = str(transport.get_extra_info("peername")[0])
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._open.discard(self)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._buffer += data
        self._serve()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def _serve(self) -> None:
        while not self._waiting and not self._transport.is_closing():
            try:
                taken = take_request(self._buffer, self._ip)
            except ValueError:
                self._send(Reply(400, b""), keep=False)
                return
            if taken is None:
                return
            request, length = taken
            del self._buffer[:length]
            self._handle(request)

    def _handle(self, request: Request) -> None:
        reply = self._answer(request)
        keep = request.headers.get("connection", "").lower() != "close"
        if reply.delay_ms:
            self._waiting = True
            asyncio.get_running_loop().call_later(reply.delay_ms / 1000, self._resume, reply, keep)
        else:
            self._send(reply, keep)

    def _resume(self, reply: Reply, keep: bool) -> None:
        self._waiting = False
        if not self._transport.is_closing():
            self._send(reply, keep)
            self._serve()

    def _send(self, reply: Reply, keep: bool) -> None:
        match reply.ending:
            case "whole":
                self._transport.write(rendered_head(reply, keep) + reply.body)
                if not keep:
                    self._transport.close()
            case "cut":
                self._transport.write(rendered_head(reply, keep) + reply.body[: len(reply.body) // 2])
                self._transport.close()
            case "drip":
                self._waiting = True
                self._transport.write(rendered_head(reply, keep))
                self._drip(reply, keep, 0)
            case "reset":
                self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                self._transport.abort()
            case "close":
                self._transport.close()
            case "hang":
                self._waiting = True

    def _drip(self, reply: Reply, keep: bool, sent: int) -> None:
        """Send the byte after the first `sent` bytes, and the rest later."""
        if self._transport.is_closing():
            return
        self._transport.write(reply.body[sent : sent + 1])
        if sent + 1 < len(reply.body):
            asyncio.get_running_loop().call_later(reply.pace_ms / 1000, self._drip, reply, keep, sent + 1)
            return
        self._waiting = False
        if not keep:
            self._transport.close()
        self._serve()

    def _socket(self) -> socket.socket:
        found: socket.socket = self._transport.get_extra_info("socket")
        return found


def take_request(buffer: bytearray, ip: str) -> tuple[Request, int] | None:
    """The first request in the buffer and its length in bytes, or None while it is not complete.

    Raises ValueError for anything that is not HTTP/1.x, too long, or chunked.
    """
    end = buffer.find(HEAD_END)
    if end < 0:
        if len(buffer) > GREATEST_HEAD:
            raise ValueError("head too long")
        return None
    first, *lines = buffer[:end].decode("latin-1").split("\r\n")
    method, target, version = first.split(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body_at = end + len(HEAD_END)
    whole = body_at + int(headers.get("content-length", 0))
    if not version.startswith("HTTP/1.") or "transfer-encoding" in headers or not body_at <= whole <= GREATEST_BODY:
        raise ValueError("not a request this server reads")
    if len(buffer) < whole:
        return None
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, bytes(buffer[body_at:whole]), ip), whole


def rendered_head(reply: Reply, keep: bool) -> bytes:
    """Status line and headers."""
    lines = [
        f"HTTP/1.1 {reply.status} {_PHRASES.get(reply.status, 'Unknown')}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {len(reply.body)}",
        f"Connection: {'keep-alive' if keep else 'close'}",
        *(f"{name}: {value}" for name, value in reply.headers),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


_PHRASES = {int(status): status.phrase for status in HTTPStatus}
