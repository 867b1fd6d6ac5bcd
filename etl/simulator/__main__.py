"""`python -m etl.simulator`: the simulator as a server."""

import sys

from etl.simulator.command import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
