"""The open questions, the answers that they can have, and what the program's guarantees do about each."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Question(StrEnum):
    """What nobody has published, in the order of the tables. The values are stored: they stay."""

    CUT = "kept_rows"
    CUT_OF_SYMBOL = "kept_rows_of_symbol"
    PAGE_SIZE = "page_size"
    ROW_ORDER = "row_order"
    START = "start_time"
    END = "end_time"
    FILTER_FIELD = "filter_field"
    EQUAL_ENDS = "equal_ends"
    SPAN = "longest_span"
    BEYOND = "beyond_retention"
    LIMIT = "limit_101"
    DELAY = "visibility_delay"


class Found(StrEnum):
    """All answers of all questions, as they are shown and stored."""

    OLDEST = "oldest"
    NEWEST = "newest"
    BY_SYMBOL = "symbol by symbol"
    NO_RULE = "no rule"
    AS_ASKED = "as many as asked for"
    FEWER = "fewer than asked for"
    ASCENDING = "ascending"
    DESCENDING = "descending"
    NO_ORDER = "no order"
    INCLUSIVE = "inclusive"
    EXCLUSIVE = "exclusive"
    TIME = "time"
    UPDATE_TIME = "updateTime"
    ANSWERED = "answered"
    REFUSED = "refused"
    SHORTER = "shorter than 7 days"
    LESS_THAN_A_WEEK = "less than 7 days"
    A_WEEK = "7 days"
    LONGER = "longer than 7 days"
    SHORTENED = "silently shortened"
    EMPTY = "empty list"
    SHOWN = "orders are shown"
    MORE = "more than 100 rows"
    WITHIN = "less than 10 minutes"
    NOT_SETTLED = "not settled"
    NOT_APPLICABLE = "does not apply"


class Wording(NamedTuple):
    """A question in words, and what the program does so that its guarantees hold whatever the answer is."""

    asked: str
    safeguard: str
    """It begins with the number of the guarantee in docs/guarantees.md."""


WORDINGS: Mapping[Question, Wording] = {
    Question.CUT: Wording("rows that survive a cut", "1: a full page proves nothing, whatever it kept"),
    Question.CUT_OF_SYMBOL: Wording("the same of one symbol", "1: the same"),
    Question.PAGE_SIZE: Wording("rows of a full page", "1: a shorter page counts only beside a longer one"),
    Question.ROW_ORDER: Wording("order of the rows", "1: no order is assumed"),
    Question.START: Wording("startTime itself", "1: a request begins 1 ms before its window"),
    Question.END: Wording("endTime itself", "1: a request reaches 1 ms beyond its window"),
    Question.FILTER_FIELD: Wording("field they filter by", "2: a row counts as asked for by either of its times"),
    Question.EQUAL_ENDS: Wording("startTime equal to endTime", "1: never sent"),
    Question.SPAN: Wording("longest span", "1: less than 7 days are asked for, and half where refused"),
    Question.BEYOND: Wording("older than 90 days", "6: a gap beyond retention, never an empty week"),
    Question.LIMIT: Wording("limit 101", "1: never more than 100 are asked for"),
    Question.DELAY: Wording("delay until an order shows", "6: the last 10 minutes are not proven"),
}


@dataclass(frozen=True, slots=True)
class ProbeFinding:
    """What one question came to.

    `evidence` is for people, and for strangers too: counts, ages and milliseconds, nothing that identifies an account.
    """

    question: Question
    answer: Found
    evidence: str

    @property
    def is_settled(self) -> bool:
        return self.answer not in (Found.NOT_SETTLED, Found.NOT_APPLICABLE)

    @property
    def is_applicable(self) -> bool:
        return self.answer is not Found.NOT_APPLICABLE

    @property
    def asked(self) -> str:
        return WORDINGS[self.question].asked

    @property
    def safeguard(self) -> str:
        return WORDINGS[self.question].safeguard


def unsettled(question: Question, why: str) -> ProbeFinding:
    return ProbeFinding(question, Found.NOT_SETTLED, why)


def not_applicable(question: Question, why: str) -> ProbeFinding:
    return ProbeFinding(question, Found.NOT_APPLICABLE, why)
