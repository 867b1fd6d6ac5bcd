"""The table `probe_results`: what each probe found out about the exchange. Nothing reads it but people."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from etl.core.probing.findings import ProbeFinding
from etl.core.timeline import to_datetime, to_millis
from etl.core.wallets import Wallet
from etl.store.orders import IS_OF_API
from etl.store.schema import force_orders, probe_results

TIMES_READ = 10_000
"""The most stored orders that say where a probe looks first."""


def record(
    connection: Connection, run_id: int, wallet: Wallet, host: str, version: str, findings: Sequence[ProbeFinding]
) -> None:
    """Add a row for each question. The caller commits."""
    own = {"run_id": run_id, **wallet._asdict(), "host": host, "program_version": version}
    rows = [
        own
        | {
            "question": finding.question.value,
            "answer": finding.answer.value,
            "is_settled": finding.is_settled,
            "evidence": finding.evidence,
        }
        for finding in findings
    ]
    connection.execute(insert(probe_results), rows)


def order_times(connection: Connection, wallet: Wallet, since: int) -> list[int]:
    """The order times of the newest stored orders since an instant; all in epoch milliseconds."""
    table = force_orders.c
    newest = (
        select(table.order_time)
        .where(table.account == wallet.account, table.market == wallet.market, table.order_time >= to_datetime(since))
        .where(IS_OF_API)
        .order_by(table.order_time.desc())
        .limit(TIMES_READ)
    )
    return [to_millis(moment) for moment in connection.scalars(newest)]
