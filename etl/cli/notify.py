"""`force-orders notify …`: test the notification channels."""

import click

from etl.cli.console import print_line
from etl.cli.options import examples, load_settings
from etl.errors import ExitCode
from etl.notifications.channels import read_channels, send
from etl.notifications.message import Message

TEST_MESSAGE = Message("info", "force-orders: a test", "If you can read this, notifications of failed runs reach you.")


@click.group(epilog=examples("force-orders notify test"))
def notify() -> None:
    """Test the notification channels."""


@notify.command("test", epilog=examples("force-orders notify test"))
@click.pass_context
def notify_test(context: click.Context) -> None:
    """Send a test message to each channel.

    Exit code 1 if one of them did not accept it.
    """
    settings = load_settings(context)
    deliveries = send(read_channels(settings), TEST_MESSAGE, settings.notify_timeout_seconds)
    for one in deliveries:
        print_line(f"{one.channel.name}: {one.fault or 'sent'}")
    context.exit(ExitCode.FAILED if any(one.fault for one in deliveries) else ExitCode.DONE)
