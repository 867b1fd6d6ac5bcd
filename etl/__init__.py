"""force-orders-etl: the proven history of a Binance futures account's force orders, in Postgres."""

__version__ = "0.1.0"
