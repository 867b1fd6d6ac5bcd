"""Status, gaps and Prometheus metrics, read from the database. Must not ask the exchange."""
