"""`python -m etl` is the command `force-orders`."""

from etl.cli import main

main()
