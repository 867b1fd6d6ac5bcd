"""Combinations of parameters: few in `make test`, all in `make nightly`."""

from collections.abc import Sequence
from itertools import product

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
