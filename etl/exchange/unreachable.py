"""Why no answer came, in words: which host, and what the network, TLS or a proxy did. Pure."""

import http.client
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
import urllib3

_NO_BUNDLE = "Could not find a suitable TLS CA certificate bundle"


def no_answer(error: Exception, base_url: str, proxy: str | None, timeout: tuple[float, float]) -> str:
    """One line without anything of the request; `proxy` is its URL, `timeout` seconds to connect and to read."""
    connect_s, read_s = timeout
    where = host_of(base_url) + (f" through the proxy {host_of(proxy)}" if proxy else "")
    causes = list(_causes(error))
    # The library takes a connection that was refused for a kind of timeout.
    slow = [one for one in causes if not isinstance(one, urllib3.exceptions.NewConnectionError)]
    if any(isinstance(one, requests.ConnectTimeout | urllib3.exceptions.ConnectTimeoutError) for one in slow):
        return f"no connection to the exchange at {where}: timed out after {connect_s:g} s"
    if any(isinstance(one, requests.Timeout | urllib3.exceptions.TimeoutError) for one in slow):
        return f"the exchange at {where} did not answer within {read_s:g} s"
    said = next((text for one in causes if (text := _said(one))), type(error).__name__)
    return f"no connection to the exchange at {where}: {said}"


def host_of(url: str) -> str:
    """Host and port of a URL, and nothing else: a proxy's may hold a password."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "with an unreadable address"
    host = parts.hostname or ""
    return f"[{host}]{port}" if ":" in host else f"{host}{port}"


def _said(error: BaseException) -> str | None:
    """What is known of one cause; None: nothing that a person could use."""
    match error:
        case socket.gaierror():
            return f"the name is not known ({error.strerror or 'DNS'})"
        case ssl.SSLCertVerificationError():
            return f"the TLS certificate is not trusted ({error.verify_message or 'verification failed'})"
        case ssl.SSLError():
            return f"TLS failed ({error.reason or 'no reason was given'})"
        case ConnectionRefusedError():
            return "refused"
        case http.client.RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            return "cut off without an answer"
        case urllib3.exceptions.IncompleteRead() | http.client.IncompleteRead():
            return "the answer was cut"
        case urllib3.exceptions.DecodeError():
            return "the answer cannot be unpacked"
        case requests.exceptions.InvalidSchema():
            return "this kind of proxy is not supported"
        case requests.exceptions.InvalidURL():
            return "the address cannot be read"
        case OSError() if not isinstance(error, requests.RequestException):
            return _of_the_system(error)
        case _:
            return None


def _of_the_system(error: OSError) -> str | None:
    """What the system says of a socket, a proxy of a tunnel (its status), or the library of a missing bundle."""
    text = str(error)
    if error.strerror:
        return error.strerror
    return text if text.startswith(("Tunnel connection failed", _NO_BUNDLE)) else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything that it was made from, the outermost first; the libraries keep these in four places."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        parts = (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
        waiting += [part for part in parts if isinstance(part, BaseException)]
