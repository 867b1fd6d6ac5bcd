"""A channel as Apprise's json:// reaches one: it takes messages, refuses them, or hears them and never answers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from tests.command import Command


@dataclass
class Listener:
    """What a channel was told. `called` is set once somebody speaks to it."""

    port: int = 0
    heard: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    """What was asked for by GET, as a ping does."""
    called: Event = field(default_factory=Event)

    def url(self, secrets: str = "", path: str = "/") -> str:
        return f"json://{secrets}127.0.0.1:{self.port}{path}"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.heard]


@contextmanager
def listening(status: int = 200, *, silent: bool = False) -> Iterator[Listener]:
    """A channel that answers with this status; a `silent` one not before the end of the block."""
    listener, over = Listener(), Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            listener.paths.append(self.path)
            self.answer()

        def do_POST(self) -> None:
            listener.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer()

        def answer(self) -> None:
            listener.called.set()
            if silent:
                over.wait()
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *said: object) -> None:
            """Nothing: it would stand among the tests' own output."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                """Nobody waited for the answer."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    listener.port = server.server_port
    try:
        yield listener
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def named(command: Command, *urls: str, mode: int = 0o600) -> dict[str, str]:
    """The channels of these URLs, as a setting names them."""
    file = command.directory / "notify.urls"
    file.write_text("# who hears of it\n\n" + "".join(f"  {url}\n" for url in urls))
    file.chmod(mode)
    return {"FORCE_ORDERS_NOTIFY_URLS_FILE": str(file)}
