"""`force-orders notify …`: whether those who are to hear of a night can be reached."""

import click

from etl.cli.arguments import examples, load_settings
from etl.cli.console import say
from etl.errors import ExitCode


@click.group("notify", epilog=examples("force-orders notify test"))
def notify() -> None:
    """Those who hear of a night that went wrong."""


@notify.command("test", epilog=examples("force-orders notify test"))
@click.pass_context
def notify_test(context: click.Context) -> None:
    """Send each channel a message.

    Exit 1 where one did not take it.
    """
    from etl.notifications.channels import read_channels, send
    from etl.notifications.message import Message

    settings = load_settings(context)
    message = Message("info", "force-orders: a test", "If you can read this, you will hear of nights that go wrong.")
    deliveries = send(read_channels(settings), message, settings.notify_timeout_seconds)
    for one in deliveries:
        say(f"{one.channel.name}: {one.fault or 'sent'}")
    context.exit(ExitCode.FAILED if any(one.fault for one in deliveries) else ExitCode.DONE)
