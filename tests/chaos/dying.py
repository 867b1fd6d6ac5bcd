"""The command in a process that kills itself at one of its commits.

    python tests/chaos/dying.py 3 before -- backfill

SQLAlchemy tells of a COMMIT before it is sent and not once it is through, so that both moments are taken around the one
place where it is sent, the dialect's `do_commit`: the last thing before, the first thing after.
"""

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy.engine.default import DefaultDialect

Moment = Literal["before", "after"]

FaultPoint = tuple[int, Moment]
"""At which commit, counted from 1, a process kills itself, and on which side of it."""


def die_at(number: int, moment: Moment) -> None:
    """From now on this process ends by SIGKILL at its commit of that number, counted from 1."""
    commit = DefaultDialect.do_commit
    seen = 0

    def do_commit(self: DefaultDialect, dbapi_connection: Any) -> None:
        nonlocal seen
        seen += 1
        if (seen, moment) == (number, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        commit(self, dbapi_connection)  # type: ignore[no-untyped-call]
        if (seen, moment) == (number, "after"):
            os.kill(os.getpid(), signal.SIGKILL)

    DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]


def main(words: Sequence[str]) -> int:
    match words:
        case [number, "before" | "after" as moment, "--", *arguments]:
            from etl.cli import run

            die_at(int(number), moment)
            return run(arguments)
    print("usage: dying.py NUMBER before|after -- COMMAND …", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
