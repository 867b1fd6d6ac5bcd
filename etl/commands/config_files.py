"""`config example` and `config deploy`: files that the program ships, as text or written to a directory."""

from collections.abc import Mapping
from pathlib import Path

from etl.commands.output_paths import refuse_existing
from etl.errors import ConfigError
from etl.package_files import shipped
from etl.reporting.files import atomic_write

DEPLOYMENTS: Mapping[str, tuple[str, ...]] = {
    "cron": ("force-orders.cron",),
    "systemd": ("force-orders.service", "force-orders.timer"),
    "systemd-fleet": ("force-orders-schedule.service", "force-orders-worker.service"),
    "kubernetes": ("kubernetes.yaml",),
    "kubernetes-fleet": ("kubernetes-fleet.yaml",),
    "compose-fleet": ("compose-fleet.yaml",),
    "airflow": ("airflow_dag.py",),
    "dagster": ("dagster_assets.py",),
    "alerts": ("alerts.yml",),
    "grafana": ("operations.json", "liquidations.json"),
    "dbt": (
        *("dbt_project.yml", "profiles.yml", "models/sources.yml", "models/models.yml"),
        *("models/monthly_notional.sql", "models/monthly_costs.sql", "models/typed_orders.sql"),
    ),
}
"""Files by purpose, of `config/deploy` but for those of `config/grafana` and `config/dbt`."""


def example() -> str:
    """The example settings file, which names every setting with its default."""
    return (shipped("config") / "force-orders.toml").read_text(encoding="utf-8")


def deployment(kind: str) -> dict[str, str]:
    """The text of each file of a deployment, by file name."""
    directory = shipped("config") / (kind if kind in ("grafana", "dbt") else "deploy")
    return {name: (directory / name).read_text(encoding="utf-8") for name in DEPLOYMENTS[kind]}


def joined(files: Mapping[str, str]) -> str:
    """A single file as it is; several files one after the other, each below a comment with its name."""
    if len(files) == 1:
        return "".join(files.values())
    return "\n".join(f"# {name}\n{text}" for name, text in files.items())


def write_files(files: Mapping[str, str], directory: Path, *, force: bool) -> list[Path]:
    """Write all files into the directory, which is created if necessary; raises ConfigError and OutputError.

    If one of the files exists and `force` is not set, none is written.
    """
    paths = {directory / name: text for name, text in files.items()}
    refuse_existing(*paths, force=force)
    for place in sorted({path.parent for path in paths}):
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"the directory {place} cannot be created: {error.strerror}") from None
    for path, text in paths.items():
        with atomic_write(path) as file:
            file.write(text.encode())
    return list(paths)
