"""Postgres: orders, coverage, runs. Alembic owns the tables, these modules read and write them. Must not know HTTP."""
