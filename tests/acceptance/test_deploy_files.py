"""The files of config/deploy name only commands and variables that exist, and pass the tools that read them."""

import re
import shlex
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

from etl.settings.loading import PREFIX
from etl.settings.model import Settings
from tests.acceptance.deploying import DEPLOY, executable, text_of, unit_lines, yaml_lines
from tests.command import Command
from tests.environment import ROOT

FLEET_UNITS = ("force-orders-schedule.service", "force-orders-worker.service")
FLEET = (*FLEET_UNITS, "kubernetes-fleet.yaml", "compose-fleet.yaml")
ONE_ACCOUNT = ("Dockerfile", "force-orders.cron", "force-orders.service", "force-orders.timer", "kubernetes.yaml")
FILES = (*ONE_ACCOUNT, *FLEET)
COMMANDS = re.compile(r"(?:'|\$\(|/bin/|--rm )force-orders ((?:-{0,2}[a-z]+ ?)+)")


def commands_in(name: str) -> set[str]:
    """What follows `force-orders` in quotes, in a command line and in a JSON array; `args` of a container."""
    text = text_of(name).replace('", "', " ").replace('["', "'")
    arguments = {value.strip("[]") for path, value in yaml_lines(name) if path.endswith("containers.[].args")}
    return {found.strip() for found in COMMANDS.findall(text)} | {found for found in arguments if found == "sync"}


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """All units, with the command where it is here."""
    made, installed = [], executable(tmp_path / "bin")
    for name in ("force-orders.service", "force-orders.timer", *FLEET_UNITS):
        made.append(tmp_path / name)
        made[-1].write_text(text_of(name).replace("/opt/force-orders/bin", str(installed)))
    return [str(unit) for unit in made]


def analyzed(*words: str) -> "subprocess.CompletedProcess[str]":
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", [name for name in ONE_ACCOUNT if name != "force-orders.timer"])
def test_every_command_in_the_file_exists_with_its_options(name: str, command: Command) -> None:
    named = commands_in(name)
    assert named & {"sync", "status --check"}
    for words in named:
        verbs = [word for word in words.split() if not word.startswith("-")]
        asked = command(*verbs, "--help")
        assert asked.returncode == 0, words
        for option in set(words.split()) - set(verbs):
            assert option in asked.stdout, words


def fleet_commands(name: str) -> list[list[str]]:
    """What a file of a fleet calls `force-orders` with: words of a unit, arrays of YAML."""
    units = [shlex.split(line)[1:] for line in unit_lines(name, "ExecStart")]
    arrays = re.findall(r"^ +(?:args|command): \[((?:[a-z]|--)[^\]]*)\]$", text_of(name), re.MULTILINE)
    lists = [[word.strip('" ') for word in array.split(",")] for array in arrays]
    return units + [words for words in lists if words[0] not in ("sh", "postgres")]


@pytest.mark.parametrize("name", FLEET)
def test_every_command_of_a_fleet_is_one_that_its_program_takes(name: str, command: Command) -> None:
    found = fleet_commands(name)
    assert {"schedule", "worker"} & {word for words in found for word in words}
    for words in found:
        asked = command(*words, "--help")
        assert (asked.returncode, asked.stderr) == (0, ""), words


def test_a_fleet_has_a_scheduler_that_only_enqueues_and_workers() -> None:
    for name in ("kubernetes-fleet.yaml", "compose-fleet.yaml"):
        verbs = {word: words for words in fleet_commands(name) for word in words if word in ("schedule", "worker")}
        assert "--enqueue-only" in verbs["schedule"]
        assert "worker" in verbs


@pytest.mark.parametrize("name", FILES)
def test_every_variable_in_the_file_is_one_that_is_read(name: str) -> None:
    keys = set(
        re.findall(r'"(BINANCE_[A-Z_]+)"', (ROOT / "etl" / "accounts" / "key_sources.py").read_text(encoding="utf-8"))
    )
    settings = {PREFIX + name.upper() for name in ("config", *(one.name for one in fields(Settings)))}
    of_compose = {"FORCE_ORDERS_IMAGE", "FORCE_ORDERS_USER"} if name.startswith("compose") else set()
    known = settings | keys | {f"{key}_FILE" for key in keys} | of_compose
    assert set(re.findall(r"\b(?:BINANCE|FORCE_ORDERS)_[A-Z_]+\b", text_of(name))) <= known


@pytest.mark.parametrize("name", FILES)
def test_no_line_holds_a_password_or_a_key(name: str) -> None:
    assert not re.search(r"://[^/\s@]*:[^/\s]*@|(?:API_KEY|API_SECRET)[=:]", text_of(name))


def test_every_variable_of_the_cron_file_is_one_that_cron_can_set() -> None:
    lines = [line for line in text_of("force-orders.cron").splitlines() if line and not line.startswith("#")]
    assert all("$" not in line for line in lines if re.match(r"[A-Z_]+=", line)), "cron expands none"
    assert text_of("force-orders.cron").endswith("\n"), "cron leaves out a last line without an end"


def test_systemd_finds_nothing_wrong_with_services_and_timer(units: list[str]) -> None:
    done = analyzed("verify", *units)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "force-orders" in line]) == (0, [])


def test_systemd_rates_the_services_as_well_confined(units: list[str]) -> None:
    if "--offline" not in analyzed("--help").stdout:
        pytest.skip("this systemd-analyze cannot judge a file")
    for unit in units:
        if unit.endswith(".service"):
            done = analyzed("security", "--offline=yes", "--threshold=20", unit)
            assert done.returncode == 0, done.stdout[-200:]


def test_the_timer_makes_up_for_a_missed_run_and_has_a_random_delay() -> None:
    assert unit_lines("force-orders.timer", "Persistent") == ["yes"]
    assert unit_lines("force-orders.timer", "RandomizedDelaySec") == ["20min"]


def test_an_incomplete_run_is_a_failed_one_and_is_not_retried_at_once() -> None:
    assert unit_lines("force-orders.service", "SuccessExitStatus") == ["130"]
    assert unit_lines("force-orders.service", "RestartPreventExitStatus") == ["2 3"]


@pytest.mark.parametrize("name", ["kubernetes.yaml", "kubernetes-fleet.yaml"])
def test_what_kubernetes_runs_is_valid_under_its_schema(name: str) -> None:
    file = str(DEPLOY / name)
    checks = {"kubeconform": ["-strict", file], "kubernetes-validate": ["--strict", file]}
    there = [name for name in checks if shutil.which(name)]
    if not there:
        # kubectl is none of them: it knows no schema but that of the cluster it is connected to.
        pytest.skip("neither kubeconform nor kubernetes-validate is here")
    done = subprocess.run([there[0], *checks[there[0]]], capture_output=True, text=True, timeout=60, check=False)
    if "schema" in done.stdout and "dial tcp" in done.stdout:
        pytest.skip(f"{there[0]} cannot fetch the schema")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_kubernetes_job_runs_one_at_a_time_unprivileged_and_read_only() -> None:
    lines = set(yaml_lines("kubernetes.yaml"))
    pod = "spec.jobTemplate.spec.template.spec"
    assert {
        ("kind", "CronJob"),
        ("spec.concurrencyPolicy", "Forbid"),
        (f"{pod}.restartPolicy", "Never"),
        (f"{pod}.securityContext.runAsNonRoot", "true"),
        (f"{pod}.securityContext.runAsUser", "1000"),
        (f"{pod}.initContainers.[].securityContext", "&nothing"),
        (f"{pod}.initContainers.[].securityContext.readOnlyRootFilesystem", "true"),
        (f"{pod}.initContainers.[].securityContext.allowPrivilegeEscalation", "false"),
        (f"{pod}.containers.[].securityContext", "*nothing"),
        (f"{pod}.containers.[].resources", "*little"),
        (f"{pod}.volumes.[].secret.secretName", "force-orders"),
    } <= lines
    assert not [path for path, _ in lines if "secretKeyRef" in path or "envFrom" in path], "secrets are files"
    assert "\nUSER 1000:1000\n" in text_of("Dockerfile"), "the image's own user"


def test_the_pods_of_a_fleet_are_as_confined() -> None:
    lines = list(yaml_lines("kubernetes-fleet.yaml"))
    pod = "items.[].spec.template.spec"
    for setting in (
        ("items.[].kind", "Deployment"),
        (f"{pod}.securityContext.runAsNonRoot", "true"),
        (f"{pod}.containers.[].securityContext", "*nothing"),
        (f"{pod}.containers.[].resources", "*little"),
        (f"{pod}.volumes.[].secret.secretName", "force-orders-fleet"),
    ):
        assert lines.count(setting) == 2, setting
    assert not [path for path, _ in lines if "secretKeyRef" in path or "envFrom" in path], "secrets are files"


def test_there_is_one_dockerfile_and_everything_it_copies_reaches_it() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert re.findall(r"dockerfile: (\S+)", compose) == ["config/deploy/Dockerfile"]
    assert list((ROOT / "config").rglob("*Dockerfile*")) == [DEPLOY / "Dockerfile"]
    assert not (ROOT / "Dockerfile").exists()
    let_in = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [line.split()[1:-1] for line in text_of("Dockerfile").splitlines() if re.match(r"COPY (?!--from)", line)]
    for source in [source for sources in copied for source in sources]:
        assert (ROOT / source).exists()
        assert f"!{source}" in let_in


def test_the_image_is_pinned_has_a_health_check_and_runs_unprivileged() -> None:
    steps = [line for line in text_of("Dockerfile").splitlines() if line and not line.startswith(("#", " "))]
    installs = [line for line in steps if " install " in line]
    assert all("--require-hashes" in line or "--no-deps --no-build-isolation" in line for line in installs)
    assert [line for line in steps if line.startswith("USER ")] == ["USER 1000:1000"]
    assert any(line.startswith("HEALTHCHECK ") for line in steps)
