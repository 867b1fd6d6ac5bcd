"""The command line: verbs in, exit codes out. The only place that prints."""

from etl.cli.root import main, run

__all__ = ["main", "run"]
