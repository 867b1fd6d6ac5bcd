"""Force orders as a Dagster asset with one partition for each week: `dagster dev -f dagster_assets.py`.

The package force-orders-etl must be installed where Dagster runs. Keys and database are read from the environment or
from the file that FORCE_ORDERS_CONFIG names.
"""

import dagster as dg

import etl
from etl.errors import ConfigError, ThrottledError

WEEKS = dg.WeeklyPartitionsDefinition(start_date="2026-09-06")  # the exchange keeps 90 days only


@dg.asset(
    partitions_def=WEEKS,
    backfill_policy=dg.BackfillPolicy.single_run(),  # many weeks in one run: two runs would wait for each other
    retry_policy=dg.RetryPolicy(max_retries=3, delay=600),
)
def force_orders(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """All force orders of these weeks, in the table `force_orders`. History that is already proven costs no request.

    With the newest week comes what the nightly job does: up to now, and back for orders that came late or changed.
    """
    weeks = context.partition_time_window
    try:
        summary = etl.run_backfill(since=weeks.start, until=weeks.end, beyond_retention=True)
        if WEEKS.get_last_partition_key() in context.partition_keys:
            late = etl.run_sync()
            context.log.info(f"back for late orders: {late.inserted} new, {late.updated} changed")
    except ConfigError as error:  # wrong settings: a retry would not help
        raise dg.Failure(str(error), allow_retries=False) from error
    except ThrottledError as error:  # a ban may take hours
        raise dg.RetryRequested(max_retries=12, seconds_to_wait=3600) from error
    for gap in summary.gaps:
        context.log.warning(f"{gap.account} {gap.symbol}: {gap.start} to {gap.end} is not proven: {gap.reason}")
    return dg.MaterializeResult(
        metadata={
            "run": summary.run_id,
            "status": summary.status,
            "new": summary.inserted,
            "changed": summary.updated,
            "requests": summary.requests,
            "gaps": len(summary.gaps),
        }
    )


every_week = dg.define_asset_job("force_orders_weekly", [force_orders], partitions_def=WEEKS)

defs = dg.Definitions(
    assets=[force_orders],
    jobs=[every_week],
    schedules=[dg.build_schedule_from_partitioned_job(every_week, hour_of_day=2, minute_of_hour=15)],
)
