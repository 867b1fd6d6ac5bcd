"""Files of past orders: the request that lets the exchange make one, and the question what has become of it.

Source: the pages "Get Download Id For Futures Order History" and "Get Futures Order History Download Link by Id".
"""

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from etl.core.markets.market import Archive
from etl.core.timeline import Window
from etl.errors import ContractError
from etl.exchange.pages import read_object
from etl.exchange.question import Question

_ID = re.compile(r"[0-9A-Za-z_-]{1,100}")
_INSTANT = re.compile(r"[1-9][0-9]{12}")


class Making(Enum):
    """What has become of a file at the exchange."""

    UNDER_WAY = "processing"
    DONE = "completed"
    EXPIRED = "expired"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """`link` is a secret: whoever has it may download the file. `expires_at`: epoch milliseconds."""

    making: Making
    link: str = field(default="", repr=False)
    expires_at: int | None = None


def request_file(archive: Archive, span: Window) -> Question[str]:
    """Its answer is the exchange's name of the file. It takes quota: never send it twice."""
    return Question(archive.request, {"startTime": span.start, "endTime": span.end}, read_download_id)


def ask_for_file(archive: Archive, download_id: str) -> Question[FileAnswer]:
    return Question(archive.state, {"downloadId": download_id}, read_file_answer)


def read_download_id(body: bytes, _received_at: int) -> str:
    """Raises TransientError where the body is not JSON, ContractError where it names no file."""
    name = read_object(body).get("downloadId")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise ContractError("the exchange's answer names no file")
    return name


def read_file_answer(body: bytes, received_at: int) -> FileAnswer:
    """Raises TransientError where the body is not JSON, ContractError where it does not say what it should.

    Numbers are texts here. `isExpired` is documented as null; an instant that has passed says the same.
    """
    answer = read_object(body)
    status, link = answer.get("status"), answer.get("url")
    if not isinstance(status, str):
        raise ContractError("the exchange does not say what has become of the file")
    expires_at = _instant(answer.get("expirationTimestamp"))
    if str(answer.get("isExpired")).lower() == "true" or (expires_at is not None and expires_at <= received_at):
        return FileAnswer(Making.EXPIRED, expires_at=expires_at)
    match status.lower():
        case Making.UNDER_WAY.value:
            return FileAnswer(Making.UNDER_WAY)
        case Making.DONE.value if isinstance(link, str) and link:
            return FileAnswer(Making.DONE, link, expires_at)
        case Making.DONE.value:
            raise ContractError("the exchange says that the file is completed, and gives no link")
        case _:
            return FileAnswer(Making.FAILED)


def _instant(sent: Any) -> int | None:
    return int(sent) if isinstance(sent, str) and _INSTANT.fullmatch(sent) else None
