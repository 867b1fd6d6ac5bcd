"""Downloads a file from a link that is a secret: whoever has it has the orders. Neither key nor signature is sent."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import requests
import urllib3
from requests.utils import select_proxy

from etl.core.hosts import is_loopback
from etl.errors import ContractError, TransientError
from etl.exchange.error_table import refuse_download
from etl.exchange.transport import HTTP_LIBRARIES
from etl.exchange.unreachable import no_response
from etl.logs import link_kept_out

LARGEST_FILE = 1 << 30
"""Bytes of a file as it is sent. A year of a busy account has some 10 MB."""

LONGEST_S = 3_600.0
"""Seconds for the whole file, even if bytes keep arriving."""

_CHUNK = 1 << 16

_NO_FILE = (b"<", b"{")
"""How a page of HTML, an error in XML or one in JSON begins, and no order file."""


def address_of(link: str) -> str:
    """The link with its scheme, which the exchange leaves out at times. Raises ContractError, which does not show it.

    Plain http only to this machine itself, as for the addresses of the settings.
    """
    try:
        parts = _split(link.strip())
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        host = ""
    if not host or parts.username is not None:
        raise ContractError("the exchange's link to the file is no address")
    if not parts.scheme:
        parts = parts._replace(scheme="http" if is_loopback(host) else "https")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ContractError("the exchange's link to the file is neither https nor of this machine; it is not used")
    return parts.geturl()


def _split(link: str) -> SplitResult:
    return urlsplit(link if "://" in link else f"//{link.removeprefix('//')}")


def download(
    link: str, to: Path, timeout: tuple[float, float], may_go_on: Callable[[], None], largest: int = LARGEST_FILE
) -> None:
    """Write the bytes of the file to a new file that only this user may read. `timeout`: to connect and for each read.

    `may_go_on` is called between pieces, and raises what ends the download. Raises TransientError where the whole file
    does not arrive, NotServedError where the link has expired, ContractError where it is too large or leads elsewhere.
    """
    address = address_of(link)
    with requests.Session() as session, link_kept_out(HTTP_LIBRARIES, urlsplit(address).path):
        session.auth = lambda request: request  # otherwise a .netrc entry for the host would be sent
        is_local = is_loopback(urlsplit(address).hostname or "")
        session.trust_env = not is_local  # no proxy for this machine itself
        settings = session.merge_environment_settings(address, {}, True, None, None)
        headers = {"User-Agent": "force-orders-etl", "Accept-Encoding": "identity"}
        try:
            answer = session.get(address, headers=headers, timeout=timeout, allow_redirects=False, **settings)
            with answer:
                refuse_download(answer.status_code)
                _write(answer, to, may_go_on, largest)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            proxy = select_proxy(address, settings["proxies"])
            raise TransientError(no_response(error, address, proxy, timeout)) from None


def _write(answer: requests.Response, to: Path, may_go_on: Callable[[], None], largest: int) -> None:
    deadline, size, begin = time.monotonic() + LONGEST_S, 0, b""
    descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while piece := answer.raw.read1(_CHUNK, decode_content=False):  # what is there: a full piece may take days
            size += len(piece)
            begin = begin or piece.lstrip()[:1]
            if size > largest:
                raise ContractError(f"the file is larger than {largest >> 20} MiB; it is not stored")
            if time.monotonic() > deadline:
                raise TransientError("the download of the file takes too long")
            may_go_on()
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if not begin or begin in _NO_FILE:
        raise TransientError(f"the host of the file answered with {'a page' if begin else 'nothing'} in its place")
