"""Explains in one line why no response came: which host, and what the network, TLS or a proxy did. Pure."""

import http.client
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
import urllib3

_NO_BUNDLE = "Could not find a suitable TLS CA certificate bundle"

_NAME_THE_BUNDLE = "name the file with its CA certificate in REQUESTS_CA_BUNDLE"


def no_response(error: Exception, base_url: str, proxy: str | None, timeout: tuple[float, float]) -> str:
    """One line that shows nothing of the request; `proxy` is a URL, `timeout` the seconds to connect and to read."""
    connect_s, read_s = timeout
    where = host_of(base_url) + (f" through the proxy {host_of(proxy)}" if proxy else "")
    causes = list(_causes(error))
    # In the library a refused connection is a subclass of a timeout.
    slow = [one for one in causes if not isinstance(one, urllib3.exceptions.NewConnectionError)]
    if any(isinstance(one, requests.ConnectTimeout | urllib3.exceptions.ConnectTimeoutError) for one in slow):
        return f"no connection to the exchange at {where}: timed out after {connect_s:g} s"
    if any(isinstance(one, requests.Timeout | urllib3.exceptions.TimeoutError) for one in slow):
        return f"the exchange at {where} did not answer within {read_s:g} s"
    said = next((text for one in causes if (text := _explained(one))), type(error).__name__)
    return f"no connection to the exchange at {where}: {said}"


def host_of(url: str) -> str:
    """Host and port of a URL, and nothing else: a proxy's URL may hold a password."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "with an unreadable address"
    host = parts.hostname or ""
    return f"[{host}]{port}" if ":" in host else f"{host}{port}"


def _explained(error: BaseException) -> str | None:
    """What is known about one cause; None: nothing that helps a reader."""
    match error:
        case socket.gaierror():
            return f"unknown host name ({error.strerror or 'DNS'}): check it, and the DNS of this machine"
        case ssl.SSLCertVerificationError():
            return (
                f"the TLS certificate is not trusted ({error.verify_message or 'verification failed'}): check the "
                f"machine's clock; where a proxy of your own signs it, {_NAME_THE_BUNDLE}"
            )
        case ssl.SSLError():
            return f"TLS failed ({error.reason or 'no reason was given'})"
        case ConnectionRefusedError():
            return "refused"
        case http.client.RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            return "closed without a response"
        case urllib3.exceptions.IncompleteRead() | http.client.IncompleteRead():
            return "the response was cut off"
        case urllib3.exceptions.DecodeError():
            return "the response cannot be decompressed"
        case requests.exceptions.InvalidSchema():
            return f"this kind of proxy is not supported: {_which_proxies(error)}"
        case requests.exceptions.InvalidURL():
            return "the address cannot be read"
        case OSError() if not isinstance(error, requests.RequestException):
            return _system_message(error)
        case _:
            return None


def _system_message(error: OSError) -> str | None:
    """The system's message about a socket, a proxy's status for a tunnel, or the library's about a missing bundle."""
    text = str(error)
    if error.strerror:
        return error.strerror
    if text.startswith(_NO_BUNDLE):
        return f"{text}: {_NAME_THE_BUNDLE}"
    return text if text.startswith("Tunnel connection failed") else None


def _which_proxies(error: requests.exceptions.InvalidSchema) -> str:
    if "SOCKS" in str(error):
        return "for SOCKS run 'pip install pysocks'"
    return "give http://, https:// or socks5h:// in HTTPS_PROXY"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all its causes, the outermost first; the libraries keep causes in four places."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        parts = (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
        waiting += [part for part in parts if isinstance(part, BaseException)]
