"""`force-orders db backup` and `db restore`, and what `sync` and `schedule` print of a night's backup."""

from pathlib import Path

import click

from etl.cli.console import keep_exit_code, print_line, print_stderr, show_waits
from etl.cli.db_check import check_lines
from etl.cli.options import database_location, examples, load_settings
from etl.commands.backup_database import Night, make_backup
from etl.commands.restore_database import restore_database
from etl.core.text import many
from etl.store.backups import Contents


@click.command(
    "backup",
    epilog=examples(
        "force-orders db backup", "force-orders db backup /mnt/backup", "force-orders db backup --no-verify"
    ),
)
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--no-verify", is_flag=True, help="Do not restore and check the backup.")
@click.pass_context
def db_backup(context: click.Context, directory: Path | None, no_verify: bool) -> None:
    """Back the whole database up into a file, and verify it.

    Runs may go on meanwhile. To verify it, the file is restored into a scratch database, which must hold the same and
    pass 'db check'. Default of DIR: backup_dir, else the directory 'backups' in data_dir.
    """
    with show_waits():
        made = make_backup(load_settings(context), directory, verified=not no_verify)
    with keep_exit_code():
        print_line(made.line)
    if made.fault is not None:
        raise made.fault


@click.command("restore", epilog=examples("force-orders db restore force-orders-2026-11-26T103000Z.dump"))
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.pass_context
def db_restore(context: click.Context, file: Path) -> None:
    """Restore a backup into an empty database, and check it.

    All of it is restored, or nothing. The database must be empty: without tables, or with ours and no row in them. Exit
    code 1 if the file cannot be restored, or if the restored database fails 'db check'.
    """
    with show_waits():
        restored = restore_database(*database_location(context), file)
    with keep_exit_code():
        for line in check_lines(restored.check):
            print_line(line)
        if restored.schema_before != restored.schema_now:
            print_line(f"schema {restored.schema_before} → {restored.schema_now}")
        print_line(f"restored {contents_line(restored.contents)}")
    context.exit(restored.check.exit_code)


def contents_line(found: Contents) -> str:
    """What a database holds, in one line."""
    counted = ((found.orders, "order"), (len(found.accounts), "account"), (found.rows["seals"], "seal"))
    return ", ".join(many(count, noun) for count, noun in (*counted, (found.rows["runs"], "run")))


def tell_of_night(night: Night) -> None:
    """Print what became of a night's backup. The run's own result stays what it is."""
    with keep_exit_code():
        if night.said is not None:
            print_line(night.said)
    if night.fault is not None:
        print_stderr(night.fault)
