"""The nightly job as an Airflow DAG (3.0 or newer): copy it into the DAG folder of a worker that has `force-orders`.

The command finds keys and database as it does everywhere, in the worker's environment or in the file that
FORCE_ORDERS_CONFIG names. Where it lives in a virtual environment of its own, FORCE_ORDERS_COMMAND is its path.
"""

import logging
import os
import subprocess
from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

log = logging.getLogger(__name__)


@dag(
    schedule="15 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # each sync begins where the last one ended: one makes up for every night that was missed
    max_active_runs=1,
    tags=["force-orders"],
)
def force_orders() -> None:
    # A sensor, because a ban has to be waited for: in this mode it takes no worker's slot meanwhile.
    @task.sensor(
        mode="reschedule",
        poke_interval=timedelta(minutes=15),
        timeout=timedelta(hours=12),
        retries=3,
        retry_delay=timedelta(minutes=10),
    )
    def sync() -> bool:
        """One run; False asks for another one a quarter of an hour later."""
        ended = subprocess.run(  # noqa: S603  # the command is the operator's own
            [os.environ.get("FORCE_ORDERS_COMMAND", "force-orders"), "sync"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        match ended.returncode:
            case 0:
                log.info("%s", ended.stdout)
            case 3:  # stored, but a gap is left: for a person to look at, and no reason to do the night again
                log.warning("incomplete: %s", ended.stdout)
            case 4:
                log.warning("the exchange wants silence: %s", ended.stdout)
            case 2:  # wrong settings stay wrong
                raise AirflowFailException(ended.stdout)
            case _:
                raise AirflowException(ended.stdout)
        return ended.returncode != 4

    sync()


force_orders()
