"""What another program needs to reach the same database: libpq's parameters of an open connection."""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import psycopg
from sqlalchemy import Connection

from etl.store.engine import parse_url

SECRETS = ("password", "sslpassword")


def parameters_of(connection: Connection) -> dict[str, str]:
    """libpq's parameters of a connection with its password, wherever they came from: the URL, a variable, a file.

    Of several hosts only the one that answered is left, so that another program reaches the same server.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 – the only driver that engine_for uses
    info = driver.info
    found = {name: value for name, value in info.get_parameters().items() if name not in ("service", "passfile")}
    if found.get("sslcertmode") == "allow":
        del found["sslcertmode"]  # the default, and unknown to older programs
    found |= {"host": info.host, "port": str(info.port), "dbname": info.dbname, "user": info.user}
    if "hostaddr" in found:
        found["hostaddr"] = info.hostaddr
    return found | ({"password": info.password} if info.password else {})


def url_of(parameters: Mapping[str, str]) -> str:
    """The libpq URL of these parameters; it holds the password."""
    return f"postgresql:///?{urlencode(parameters, quote_via=quote)}"


def url_without_secrets(url: str) -> str:
    """A URL that may be shown: the same address, without a password."""
    rest = {name: value for name, value in parse_url(url).items() if name not in SECRETS}
    user, database = (quote(rest.pop(name, ""), safe="") for name in ("user", "dbname"))
    server = ""
    if re.fullmatch(r"[\w.-]+", rest.get("host", ""), re.ASCII):
        server = rest.pop("host") + (f":{port}" if (port := rest.pop("port", "")) else "")
    query = f"?{urlencode(rest, quote_via=quote, safe='/')}" if rest else ""
    return f"postgresql://{user}{'@' if user else ''}{server}/{database}{query}"
