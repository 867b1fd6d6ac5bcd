"""The open questions, the answers that they can have, and what the program's guarantees do about each."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Question(StrEnum):
    """What nobody has published. The order is that of the tables."""

    CUT = "rows that survive a cut"
    CUT_OF_SYMBOL = "the same with a symbol"
    PAGE_SIZE = "rows of a full page"
    ROW_ORDER = "order of the rows"
    START = "startTime"
    END = "endTime"
    FILTER_FIELD = "field that is filtered"
    EQUAL_ENDS = "equal ends"
    SPAN = "longest span"
    BEYOND = "beyond 90 days"
    LIMIT = "limit 101"
    DELAY = "visibility delay"


class Found(StrEnum):
    """All answers of all questions."""

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


SAFEGUARDS: Mapping[Question, str] = {
    Question.CUT: "1: a full page proves nothing, whatever it kept",
    Question.CUT_OF_SYMBOL: "1: the same",
    Question.PAGE_SIZE: "1: a shorter page counts only beside a longer one",
    Question.ROW_ORDER: "1: no order is assumed",
    Question.START: "1: a request begins 1 ms before its window",
    Question.END: "1: a request ends 1 ms after its window",
    Question.FILTER_FIELD: "2: either time makes a row one that was asked for",
    Question.EQUAL_ENDS: "1: never sent",
    Question.SPAN: "1: less than 7 days are asked for, and half where refused",
    Question.BEYOND: "6: older than 90 days is a gap, never an empty week",
    Question.LIMIT: "1: never more than 100 are asked for",
    Question.DELAY: "6: the last 10 minutes are not proven, and 7 days are read again",
}
"""The number of the guarantee in docs/guarantees.md, and what the program does so that it holds either way."""


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
    def safeguard(self) -> str:
        return SAFEGUARDS[self.question]


def unsettled(question: Question, why: str) -> ProbeFinding:
    return ProbeFinding(question, Found.NOT_SETTLED, why)


def not_applicable(question: Question, why: str) -> ProbeFinding:
    return ProbeFinding(question, Found.NOT_APPLICABLE, why)
