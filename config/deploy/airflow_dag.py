"""The nightly job as an Airflow DAG (3.0 or newer): copy it into the DAG folder of a worker that has `force-orders`.

The command reads keys and database from the worker's environment or from the file that FORCE_ORDERS_CONFIG names. If it
is installed in a virtual environment of its own, set FORCE_ORDERS_COMMAND to its path.
"""

import logging
import os
import subprocess
from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task

try:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # Airflow 3.0 and 3.1; later ones warn of these names
    from airflow.exceptions import AirflowException, AirflowFailException

log = logging.getLogger(__name__)


@dag(
    schedule="15 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # each sync begins where the last one ended, so one makes up for all missed nights
    max_active_runs=1,
    tags=["force-orders"],
)
def force_orders() -> None:
    # A sensor can wait for the end of a ban; in this mode it holds no worker slot while it waits.
    @task.sensor(
        mode="reschedule",
        poke_interval=timedelta(minutes=15),
        timeout=timedelta(hours=12),
        retries=3,
        retry_delay=timedelta(minutes=10),
    )
    def sync() -> bool:
        """One run; False means: run again after 15 minutes."""
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
            case 3:  # stored, but a gap is left: somebody should look at it; a retry would not help
                log.warning("incomplete: %s", ended.stdout)
            case 4:
                log.warning("the exchange sent a ban or a rate limit: %s", ended.stdout)
            case 2:  # wrong settings: a retry would not help
                raise AirflowFailException(ended.stdout)
            case _:
                raise AirflowException(ended.stdout)
        return ended.returncode != 4

    sync()


force_orders()
