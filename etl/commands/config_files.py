"""`config example` and `config deploy`: the files that come with the program, as text or written to a directory."""

from collections.abc import Mapping
from pathlib import Path

from etl.errors import ConfigError
from etl.package_files import shipped
from etl.reporting.files import atomic_write

DEPLOYMENTS: Mapping[str, tuple[str, ...]] = {
    "cron": ("force-orders.cron",),
    "systemd": ("force-orders.service", "force-orders.timer"),
    "kubernetes": ("kubernetes.yaml",),
    "airflow": ("airflow_dag.py",),
    "dagster": ("dagster_assets.py",),
    "alerts": ("alerts.yml",),
}
"""Files of `config/deploy` by what they are for."""


def example() -> str:
    """The settings file that names every setting with its default."""
    return (shipped("config") / "force-orders.toml").read_text(encoding="utf-8")


def deployment(kind: str) -> dict[str, str]:
    """The text of each file of a deployment, by the file's name."""
    return {name: (shipped("config") / "deploy" / name).read_text(encoding="utf-8") for name in DEPLOYMENTS[kind]}


def printed(files: Mapping[str, str]) -> str:
    """One file as it is; several one after the other, each below a comment with its name."""
    if len(files) == 1:
        return "".join(files.values())
    return "\n".join(f"# {name}\n{text}" for name, text in files.items())


def write_files(files: Mapping[str, str], directory: Path, *, force: bool) -> list[Path]:
    """Write all files or, where one is there already and `force` is not set, none; raises ConfigError and OutputError.

    The directory is made where it is not there.
    """
    paths = {directory / name: text for name, text in files.items()}
    there = [str(path) for path in paths if path.exists() or path.is_symlink()]
    if there and not force:
        raise ConfigError(f"{', '.join(there)}: there already, nothing was written; --force replaces what is there")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the directory {directory} cannot be made: {error.strerror}") from None
    for path, text in paths.items():
        with atomic_write(path) as file:
            file.write(text.encode())
    return list(paths)
