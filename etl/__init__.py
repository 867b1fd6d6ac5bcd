"""force-orders-etl: the proven history of a Binance futures account's force orders, in Postgres.

`etl.run_backfill` and `etl.run_sync` are the commands of these names for a program in Python; `etl.errors` has what
they raise. Importing the package loads nothing else of it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etl.api import Gap, RunFailedError, RunSummary, run_backfill, run_sync

__all__ = ["Gap", "RunFailedError", "RunSummary", "__version__", "run_backfill", "run_sync"]

__version__ = "0.1.0"


if not TYPE_CHECKING:  # to a type checker it would make every misspelt name of this package right

    def __getattr__(name: str) -> object:
        """The entry points, loaded when one is asked for: the command has no use for them."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from etl import api

        return getattr(api, name)
