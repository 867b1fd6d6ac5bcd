"""The embedded Postgres: its files, its processes and their locks. Must not know our tables."""
