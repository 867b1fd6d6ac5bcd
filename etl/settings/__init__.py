"""The settings: a TOML file, and environment variables that win over it. Must not read or write anything else."""

from etl.settings.model import Settings

__all__ = ["Settings"]
