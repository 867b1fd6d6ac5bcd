"""force-orders-etl: the proven history of a Binance futures account's force orders, in Postgres.

`etl.run_backfill` and `etl.run_sync` are the commands of these names as Python functions; `etl.errors` holds their
exceptions. Importing the package loads no other module of it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etl.api import Gap, RunFailedError, RunSummary, run_backfill, run_sync

__all__ = ["Gap", "RunFailedError", "RunSummary", "__version__", "run_backfill", "run_sync"]

__version__ = "0.1.0"


if not TYPE_CHECKING:  # a type checker would accept every misspelt name

    def __getattr__(name: str) -> object:
        """Load the entry points on first use, because the command does not need them."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from etl import api

        return getattr(api, name)
