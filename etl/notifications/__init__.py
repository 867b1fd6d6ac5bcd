"""Notifications about runs: `summary` and `reading` collect the facts, `message` words them, `channels` sends them.

This package decides nothing about a run: a notification that fails changes neither its result nor its exit code. Only
`delivery` imports Apprise, in a process of its own.
"""
