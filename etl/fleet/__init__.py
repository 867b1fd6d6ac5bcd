"""Jobs for one machine or many, handed out through Postgres: an account's night, or a week of its history."""
