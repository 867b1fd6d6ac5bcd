"""What a nightly run reads beside the new force orders, as the settings have it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CostRules:
    """The defaults read nothing."""

    weight: int = 0
    """The most weight that a run spends on the fills of an account in a market; 0: no costs are read."""
    income_types: tuple[str, ...] = ()
    """The kinds of income that are read, in the exchange's words."""
    reconcile_days: int = 0
    """How many days back the force orders are held against the list of all orders; 0: not at all."""
    mark_prices: bool = False
    """Whether the mark price at each order is read, so that its slippage is known."""
    audit_windows: int = 0
    """How many old windows of an account in a market are read again, by lot; 0: none."""
