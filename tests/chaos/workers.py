"""Campaign runs at once: processes that each take a share of the seeds and have a server of their own."""

import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

from tests.chaos.campaign import Outcome, campaign_run
from tests.chaos.ownserver import own_server

WORKERS = 2


def carried_out(seeds: Sequence[int]) -> Iterator[Outcome]:
    """The outcomes as they come in. Ends early for a worker that died."""
    context = multiprocessing.get_context("spawn")
    waiting: list[Connection] = []
    for number in range(min(WORKERS, len(seeds))):
        ours, theirs = context.Pipe(duplex=False)
        context.Process(target=work, args=(seeds[number::WORKERS], theirs)).start()
        theirs.close()
        waiting.append(ours)
    while waiting:
        for connection in wait(waiting):
            assert isinstance(connection, Connection)
            try:
                yield connection.recv()
            except EOFError:
                waiting.remove(connection)


def work(seeds: Sequence[int], results: Connection) -> None:
    """In a worker: its share of the runs, on a server of its own."""
    with own_server() as server, tempfile.TemporaryDirectory() as directory:
        for seed in seeds:
            results.send(campaign_run(seed, server, Path(directory)))
