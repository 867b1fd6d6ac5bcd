"""Tables and combinations of parameters: few in `make test`, all in `make nightly`."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import pytest


def each_value_once(**values: Sequence[object]) -> pytest.MarkDecorator:
    """Parametrize with every combination of values. Each value is in one that is not marked as slow."""
    most = max(map(len, values.values()))
    quick = {tuple(number % len(axis) for axis in values.values()) for number in range(most)}
    return pytest.mark.parametrize(
        list(values),
        [
            pytest.param(
                *(axis[index] for axis, index in zip(values.values(), chosen, strict=True)),
                marks=[] if chosen in quick else [pytest.mark.slow],
            )
            for chosen in product(*(range(len(axis)) for axis in values.values()))
        ],
    )


def few_of(table: Mapping[str, object] | Iterable[object], few: int) -> list[Any]:
    """The values of a table, under its keys if it has some. All but `few`, from its first to its last, are slow.

    For cases of one kind, each of which runs through the same code: where that breaks, the few break too.
    """
    named = list(table.items()) if isinstance(table, Mapping) else [(None, value) for value in table]
    last = len(named) - 1
    quick = {round(number * last / (few - 1)) if few > 1 else 0 for number in range(few)}
    return [
        pytest.param(
            *(value if isinstance(value, tuple) else (value,)),
            id=name,
            marks=[] if index in quick else [pytest.mark.slow],
        )
        for index, (name, value) in enumerate(named)
    ]
