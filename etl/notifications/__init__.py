"""Notifications: what happened, in a few lines, to the channels that somebody named."""
