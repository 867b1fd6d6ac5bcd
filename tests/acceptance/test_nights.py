"""A night by cron, by systemd and in a pod, as config/deploy has it: quiet, and safe when started twice."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.scenario import Scenario
from tests.acceptance.deploying import executable, text_of, unit_lines, yaml_lines
from tests.acceptance.lab import Lab, Labs, assert_table_equals_history

ONE_LINE = re.compile(r"sync succeeded in .*; gaps: none\n")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A directory with nothing in it but `force-orders`."""
    return executable(tmp_path / "bin")


def night(lab: Lab, words: list[str], **environment: str) -> "subprocess.CompletedProcess[str]":
    """Words as a process with the lab's exchange and database, and with no key but those of the environment given."""
    own = {name: value for name, value in lab.command.environment.items() if not name.startswith("BINANCE_")}
    return subprocess.run(
        words,
        cwd=lab.command.directory,
        env=own | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def key_files(directory: Path, mode: int, secret: str = DEMO_SECRET) -> Path:
    directory.mkdir()
    for name, content in (("binance_api_key", DEMO_KEY), ("binance_api_secret", secret), ("pgpass", "*:*:*:*:word")):
        (directory / name).write_text(f"{content}\n")
        (directory / name).chmod(mode)
    return directory


def cron_command(minute: str) -> str:
    """A line's command as cron hands it to sh: the fields for time and user taken off."""
    (line,) = re.findall(rf"^{minute} .*$", text_of("force-orders.cron"), re.MULTILINE)
    assert "%" not in line, "cron would take it for the end of the line"
    return str(line).split(maxsplit=6)[6]


def by_cron(lab: Lab, installed: Path, minute: str, secrets: Path) -> "subprocess.CompletedProcess[str]":
    """With a `logger` that writes into a file what it would send to syslog."""
    logger = installed / "logger"
    logger.write_text(f"#!/bin/sh\ncat >>{shlex.quote(str(installed / 'syslog'))}\n")
    logger.chmod(0o755)
    keys = {f"BINANCE_API_{one}_FILE": str(secrets / f"binance_api_{one.lower()}") for one in ("KEY", "SECRET")}
    path = f"{installed}:/usr/bin:/bin"
    return night(lab, ["/bin/sh", "-c", cron_command(minute)], PATH=path, **keys)


def test_a_good_night_by_cron_sends_no_mail_and_leaves_one_line_in_syslog(
    lab: Labs, installed: Path, tmp_path: Path
) -> None:
    nightly, secrets = lab(Scenario()), key_files(tmp_path / "etc", 0o600)
    done = by_cron(nightly, installed, "17", secrets)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert ONE_LINE.fullmatch((installed / "syslog").read_text())
    looked = by_cron(nightly, installed, "47", secrets)
    assert (looked.returncode, looked.stdout, looked.stderr) == (0, "", "")


def test_a_bad_night_by_cron_sends_its_exit_code_and_its_reason(lab: Labs, installed: Path, tmp_path: Path) -> None:
    nightly, secrets = lab(Scenario()), key_files(tmp_path / "etc", 0o600, secret="another")
    done = by_cron(nightly, installed, "17", secrets)
    assert done.stdout.startswith("exit code 1: ")
    assert "account main" in done.stdout
    assert "account main" in (installed / "syslog").read_text()
    assert "nothing was read yet" in by_cron(nightly, installed, "47", secrets).stdout


def test_a_night_by_systemd_is_quiet_where_credentials_can_be_read_by_their_group(
    lab: Labs, installed: Path, tmp_path: Path
) -> None:
    nightly, credentials, runtime = lab(Scenario()), key_files(tmp_path / "credentials", 0o440), tmp_path / "run"
    (runtime / "force-orders").mkdir(parents=True)

    def here(line: str) -> str:
        said = line.replace("%t", str(runtime)).replace("%d", str(credentials)).replace("%S", str(tmp_path))
        return said.replace("/opt/force-orders/bin", str(installed))

    variables = dict(here(line).split("=", 1) for line in unit_lines("force-orders.service", "Environment"))
    (before,) = unit_lines("force-orders.service", "ExecStartPre")
    (start,) = unit_lines("force-orders.service", "ExecStart")
    assert night(nightly, shlex.split(here(before))).returncode == 0
    done = night(nightly, shlex.split(here(start)), **variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert ONE_LINE.fullmatch(done.stdout)


def test_the_program_in_the_pod_gets_a_key_that_nobody_else_can_read(lab: Labs, tmp_path: Path) -> None:
    nightly, secrets, private = lab(Scenario()), key_files(tmp_path / "secrets", 0o440), tmp_path / "private"
    private.mkdir()
    lines = list(yaml_lines("kubernetes.yaml"))

    def here(line: str) -> str:
        return line.replace("/run/secrets", str(secrets)).replace("/run/force-orders", str(private))

    (copying,) = (value for path, value in lines if path.endswith("initContainers.[].command"))
    files = next(value for path, value in lines if path.endswith("initContainers.[].args"))
    words = [word.strip('"') for part in (copying, files) for word in here(part).strip("[]").split(", ")]
    assert night(nightly, words).returncode == 0
    named = [value for path, value in lines if path.endswith("env.[].name")]
    values = [here(value) for path, value in lines if path.endswith("env.[].value")]
    variables = {name: value for name, value in zip(named, values, strict=True) if name.startswith("BINANCE_")}
    done = night(nightly, nightly.command.words("sync"), **variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert ONE_LINE.fullmatch(done.stdout)
    assert (private / "pgpass").stat().st_mode & 0o777 == 0o400, "libpq ignores any other"


def test_started_twice_at_once_both_nights_end_well_with_one_line_each(lab: Labs) -> None:
    shared = lab(Scenario(latency_ms=20))
    first, second = (shared.command.start("sync") for _ in range(2))
    said = [process.communicate(timeout=120) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0)
    assert all(ONE_LINE.fullmatch(printed) for printed, _ in said)
    assert [errors for _, errors in said] == ["", ""]
    assert shared.sql("SELECT sum(inserted) AS n FROM runs") == shared.sql("SELECT count(*) AS n FROM force_orders")
    assert_table_equals_history(shared)
