"""The accounts and their keys: where a key is stored, and how it is read. Must not know HTTP or SQL."""
