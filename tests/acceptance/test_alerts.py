"""Each alert rule fires when it should, once, and names its account; Prometheus's own tool evaluates them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.acceptance.deploying import DEPLOY
from tests.pages import anchors, section
from tests.promtool import STEP_S, complaints, promtool

FILE = DEPLOY / "alerts.yml"
RULES: Mapping[str, Any] = {
    rule["alert"]: rule
    for group in yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
}
HOUR, DAY = 3_600, 86_400
STEPS = 12 * DAY // STEP_S


def always(value: float) -> str:
    return f"{value}x{STEPS}"


AS_TIME_GOES = f"0+{STEP_S}x{STEPS}"
"""A moment that is renewed all the time."""

MAIN = '{account="main",market="usdm"}'
OF_MAIN = {"account": "main", "market": "usdm"}
READ_UNTIL = f"force_orders_read_until_timestamp_seconds{MAIN}"
UNREAD_SINCE = f"force_orders_unread_since_timestamp_seconds{MAIN}"
SEALED = f"force_orders_newest_seal_timestamp_seconds{MAIN}"
SNAPSHOT = "force_orders_snapshot_timestamp_seconds"
SUCCESS = 'force_orders_last_success_timestamp_seconds{command="sync"}'


def runs(status: str) -> str:
    return f'force_orders_runs_total{{command="sync",status="{status}"}}'


def gap(reason: str) -> str:
    return f'force_orders_gap_seconds{{account="main",market="usdm",reason="{reason}"}}'


@dataclass(frozen=True)
class Fires:
    """An alert, the series that two processes tell, after how many seconds it fires, and with what."""

    alert: str
    series: Mapping[str, str]
    after: int
    labels: Mapping[str, str]
    summary: str
    """What its summary begins with."""

    def __str__(self) -> str:
        return self.alert


FIRES = (
    Fires(
        "ForceOrdersNeverRead",
        {READ_UNTIL: always(0)},
        DAY,
        OF_MAIN,
        "account main (usdm) was never read: `force-orders accounts check --account main` says why",
    ),
    Fires(
        "ForceOrdersNotRead",
        {UNREAD_SINCE: always(DAY)},
        3 * DAY + STEP_S,
        OF_MAIN,
        "account main (usdm) has history that is unread for 2d 0h 5m 0s: see `force-orders status`, or end it with "
        "`force-orders accounts retire`",
    ),
    Fires(
        "ForceOrdersAccountFails",
        {
            READ_UNTIL: always(DAY),
            'force_orders_read_until_timestamp_seconds{account="other",market="usdm"}': AS_TIME_GOES,
        },
        4 * DAY + STEP_S,
        OF_MAIN,
        "nothing of account main (usdm) was read for 3d 0h 5m 0s: `force-orders accounts check --account main` says "
        "why",
    ),
    Fires(
        "ForceOrdersAboutToBeLost",
        {f"force_orders_days_until_loss{MAIN}": always(13.5)},
        0,
        OF_MAIN,
        "account main (usdm): unread history is lost in 13.5 days: run `force-orders backfill --account main "
        "--market usdm`",
    ),
    Fires(
        "ForceOrdersGap",
        {gap("failed"): always(60)},
        DAY,
        OF_MAIN | {"reason": "failed"},
        "account main (usdm) has a gap (failed): `force-orders status` names it and what closes it",
    ),
    Fires(
        "ForceOrdersLost",
        {gap("saturated"): f"3x{9 * DAY // STEP_S} 6x{DAY}"},
        9 * DAY + STEP_S,
        OF_MAIN | {"reason": "saturated"},
        "account main (usdm) has a new gap that nothing closes (saturated): `force-orders status` names it",
    ),
    Fires(
        "ForceOrdersQuarantine",
        {f"force_orders_quarantined_rows{MAIN}": always(2)},
        0,
        OF_MAIN,
        "account main (usdm) has 2 rows that could not be read: `force-orders quarantine list`",
    ),
    Fires(
        "ForceOrdersFutureProof",
        {READ_UNTIL: always(HOUR)},
        HOUR - 2 * STEP_S,
        OF_MAIN,
        "account main (usdm) is proven into the future, because a clock was ahead: `force-orders status --check` "
        "prints the command that takes it back",
    ),
    Fires(
        "ForceOrdersNotSealed",
        {READ_UNTIL: AS_TIME_GOES, SEALED: always(0)},
        4 * DAY + STEP_S,
        OF_MAIN,
        "account main (usdm) is read, and no day was sealed for 4d 0h 5m 0s: look for gaps and rows in quarantine",
    ),
    Fires(
        "ForceOrdersNoSuccess",
        {READ_UNTIL: always(0), runs("failed"): always(3)},
        DAY,
        {},
        "no run ever succeeded: `force-orders doctor` says what is missing",
    ),
    Fires(
        "ForceOrdersRunFails",
        {READ_UNTIL: AS_TIME_GOES, SUCCESS: always(0)},
        2 * DAY + STEP_S,
        {},
        "no sync has succeeded for 2d 0h 5m 0s: `force-orders status` shows the error of the last run",
    ),
    Fires(
        "ForceOrdersMetricsAbsent",
        {},
        15 * 60,
        {},
        "nobody tells whether force orders are stored: no target is scraped, and there is no file with metrics",
    ),
    Fires(
        "ForceOrdersMetricsOld",
        {SNAPSHOT: always(0)},
        2 * DAY + STEP_S,
        {},
        "the metrics are 2d 0h 5m 0s old: check that the nightly job runs and writes its file",
    ),
    Fires(
        "ForceOrdersNoWorker",
        {
            'force_orders_jobs_waiting{queue="tokyo"}': always(42),
            'force_orders_jobs_running{queue="tokyo"}': always(0),
            'force_orders_jobs_waiting{queue="paris"}': always(42),
            'force_orders_jobs_running{queue="paris"}': always(4),
        },
        30 * 60,
        {"queue": "tokyo"},
        "42 jobs wait in the queue tokyo, and no worker runs any: start a `force-orders worker`",
    ),
    Fires(
        "ForceOrdersCheckFailed",
        {'force_orders_check_failures{check="every sealed day holds the orders that were sealed"}': always(1)},
        0,
        {"check": "every sealed day holds the orders that were sealed"},
        "it is not true any more that every sealed day holds the orders that were sealed: `force-orders db check` "
        "names account and day",
    ),
    Fires(
        "ForceOrdersCheckOld",
        {"force_orders_check_timestamp_seconds": always(-45 * DAY)},
        STEP_S,
        {},
        "the database was not checked for 45d 0h 5m 0s: run `force-orders db check`",
    ),
    Fires(
        "ForceOrdersBackupOld",
        {"force_orders_verified_backup_timestamp_seconds": always(0)},
        3 * DAY + STEP_S,
        {},
        "no backup was made and verified for two days: `force-orders db backup` says why",
    ),
    Fires(
        "ForceOrdersDiskFull",
        {'force_orders_disk_free_bytes{directory="/var/lib/force-orders"}': always(512 * 1024 * 1024)},
        600,
        {"directory": "/var/lib/force-orders"},
        "the disk of /var/lib/force-orders has 512MiB left: one two",
    ),
    Fires(
        "ForceOrdersBanned",
        {'force_orders_silence_until_timestamp_seconds{egress="default"}': always(DAY)},
        DAY - HOUR,
        {"egress": "default"},
        "default must send no request for another 1h 0m 0s: find out who else sends from this address",
    ),
    Fires(
        "ForceOrdersGone",
        {'up{job="force-orders",instance="a:9464"}': always(0), 'up{job="force-orders",instance="b:9464"}': always(1)},
        300,
        {},
        "not to be scraped: a:9464: check that `force-orders schedule` or `worker` runs there",
    ),
    Fires(
        "ForceOrdersDatabaseDown",
        {"force_orders_database_up": always(0)},
        300,
        {},
        "these cannot read the database, so they store nothing: one two",
    ),
    Fires(
        "ForceOrdersThrottled",
        {'force_orders_request_outcomes_total{outcome="throttled"}': f"0x12 1x{STEPS}"},
        HOUR + STEP_S,
        {"outcome": "throttled"},
        "the exchange answered with `throttled` in the last hour: lower weight_budget, or find out who else sends from "
        "this address",
    ),
    Fires(
        "ForceOrdersClock",
        {"force_orders_exchange_clock_offset_seconds": always(-90)},
        300,
        {},
        "a machine's clock is 1m 30s off the exchange's: one two: set it (NTP)",
    ),
)

ALL_IS_WELL = {
    READ_UNTIL: AS_TIME_GOES,
    UNREAD_SINCE: AS_TIME_GOES,
    SEALED: AS_TIME_GOES,
    SNAPSHOT: AS_TIME_GOES,
    SUCCESS: AS_TIME_GOES,
    runs("succeeded"): f"0+1x{STEPS}",
    f"force_orders_days_until_loss{MAIN}": always(89),
    f"force_orders_quarantined_rows{MAIN}": always(0),
    gap("saturated"): always(3),
    gap("beyond_retention"): always(DAY),
    'force_orders_jobs_waiting{queue="default"}': always(40),
    'force_orders_jobs_running{queue="default"}': always(4),
    'force_orders_check_failures{check="every seal follows from the seal before it"}': always(0),
    "force_orders_check_timestamp_seconds": always(0),
    "force_orders_verified_backup_timestamp_seconds": AS_TIME_GOES,
    'force_orders_disk_free_bytes{directory="/var/lib/force-orders"}': always(64 * 1024**3),
    'force_orders_silence_until_timestamp_seconds{egress="default"}': always(0),
    'up{job="force-orders"}': always(1),
    "force_orders_database_up": always(1),
    'force_orders_request_outcomes_total{outcome="throttled"}': always(7),
    "force_orders_exchange_clock_offset_seconds": always(0.2),
}


END_BY_THEMSELVES = {"ForceOrdersFutureProof", "ForceOrdersBanned"}


def none_fires(*after: int) -> Mapping[str, Any]:
    """That no alert at all fires after so many seconds."""
    query = 'ALERTS{alertstate="firing"}'
    return {"promql_expr_test": [{"expr": query, "eval_time": f"{one}s", "exp_samples": []} for one in after]}


def test_every_alert_has_a_case() -> None:
    assert [case.alert for case in FIRES] == list(RULES)


@pytest.mark.parametrize("case", FIRES, ids=str)
def test_an_alert_fires_in_time_and_once_though_two_processes_tell_of_it(case: Fires, tmp_path: Path) -> None:
    rule = RULES[case.alert]
    alone = tmp_path / "rule.json"
    alone.write_text(json.dumps({"groups": [{"name": "one", "rules": [rule]}]}), encoding="utf-8")
    expected = {
        "exp_labels": {"severity": rule["labels"]["severity"], **case.labels},
        "exp_annotations": {"summary": case.summary, "runbook_url": rule["annotations"]["runbook_url"]},
    }
    tests = [{"eval_time": f"{case.after}s", "alertname": case.alert, "exp_alerts": [expected]}]
    if case.after and case.alert not in END_BY_THEMSELVES:
        tests.append({"eval_time": f"{case.after - STEP_S}s", "alertname": case.alert, "exp_alerts": []})
    assert complaints(tmp_path, alone, case.series, {"alert_rule_test": tests}) == ""


def test_no_alert_fires_while_all_is_well(tmp_path: Path) -> None:
    assert complaints(tmp_path, FILE, ALL_IS_WELL, none_fires(2 * DAY, 5 * DAY)) == ""


def test_a_gap_that_nothing_closes_is_news_for_a_day_whatever_prometheus_has_missed(tmp_path: Path) -> None:
    missed = f"3x{2 * DAY // STEP_S} _x{DAY // STEP_S} 3x{STEPS}"
    series = ALL_IS_WELL | {gap("saturated"): missed}
    assert complaints(tmp_path, FILE, series, none_fires(3 * DAY + HOUR, 4 * DAY + HOUR)) == ""


def test_an_account_that_nothing_is_told_of_alerts_nobody(tmp_path: Path) -> None:
    """As one that was retired: the last of all accounts here, whose sync has long ended."""
    of_accounts = {READ_UNTIL, UNREAD_SINCE, SEALED, gap("saturated"), gap("beyond_retention")}
    series = {name: values for name, values in ALL_IS_WELL.items() if name not in of_accounts}
    assert complaints(tmp_path, FILE, series | {SUCCESS: always(0)}, none_fires(3 * DAY)) == ""


def test_an_account_that_is_not_read_raises_no_alert_about_its_seals(tmp_path: Path) -> None:
    series = ALL_IS_WELL | {SEALED: always(0), READ_UNTIL: always(0)}
    silent = {"eval_time": f"{5 * DAY}s", "alertname": "ForceOrdersNotSealed", "exp_alerts": []}
    assert complaints(tmp_path, FILE, series, {"alert_rule_test": [silent]}) == ""


def test_the_rules_are_valid() -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(FILE))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_a_severity_a_summary_and_a_page_that_says_what_to_do(name: str) -> None:
    rule = RULES[name]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor in anchors(page)
    assert re.search(rf"^\| {name} \| {rule['labels']['severity']} \| ", section(page, "Alerts"), re.MULTILINE)
    assert ("by (account" in rule["expr"]) == ("{{ $labels.account }}" in rule["annotations"]["summary"])
