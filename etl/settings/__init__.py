"""The settings: a TOML file, and environment variables that win over it. Must not do I/O beyond these."""

from etl.settings.model import Settings

__all__ = ["Settings"]
