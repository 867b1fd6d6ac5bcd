"""`force-orders simulator`: the exchange simulator, which reads its own options."""

import click

from etl.simulator.command import run


@click.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@click.pass_context
def simulator(context: click.Context) -> None:
    """Run the exchange simulator on a loopback port."""
    context.exit(run(context.args))
