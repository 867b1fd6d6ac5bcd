"""Downloads: what arrives slowly can be stopped, and what is no file is asked for again."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from etl.errors import StoppedError, TransientError
from etl.exchange.downloads import download

A_YEAR = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


@contextmanager
def host(answer: bytes) -> Iterator[str]:
    """A link to a host that answers with these bytes, and says no more until the block ends."""
    done = Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as connection:
                connection.recv(1 << 16)
                connection.sendall(answer)
                done.wait(30)

        thread = Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}/file"
        finally:
            done.set()
            thread.join()


def test_a_download_that_trickles_is_stopped_at_its_next_byte(tmp_path: Path) -> None:
    def stop() -> None:
        raise StoppedError("stopped")

    with host(A_YEAR + b"U") as link, pytest.raises(StoppedError):
        download(link, tmp_path / "part", (5, 5), stop)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<!DOCTYPE html><title>Sign in</title>", "a page in its place"),
        (b"\r\n <Error/>", "a page in its place"),
        (b'{"code":0}', "a page in its place"),
        (b"", "nothing in its place"),
    ],
)
def test_a_page_in_the_place_of_the_file_is_asked_for_again_and_is_no_broken_file(
    tmp_path: Path, body: bytes, said: str
) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with host(answer) as link, pytest.raises(TransientError, match=said):
        download(link, tmp_path / "part", (5, 5), lambda: None)
