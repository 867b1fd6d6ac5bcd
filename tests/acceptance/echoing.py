"""An exchange that quotes what it was asked, as an indiscreet proxy would: for the tests of what is never shown."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit


class Echo:
    """Tells its time, and refuses everything else with `status`, `code` and a message that holds the whole request.

    `signatures`: those it was sent, as they stood in the URL and decoded.
    """

    def __init__(self, status: int, code: int) -> None:
        self.signatures: set[str] = set()
        echo = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/fapi/v1/time":
                    self._answer(200, {"serverTime": time.time_ns() // 1_000_000})
                    return
                query = urlsplit(self.path).query
                (signature,) = parse_qs(query)["signature"]
                echo.signatures |= {signature, query.rpartition("signature=")[2]}
                said = f"{signature} does not sign {self.path}, headers {dict(self.headers)}"
                self._answer(status, {"code": code, "msg": said})

            def _answer(self, status: int, document: object) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *said: object) -> None:
                """Nothing: it would stand among the tests' own output."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
