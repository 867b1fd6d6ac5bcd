"""Runs a program, or several joined by pipes, and prints what they cost as JSON.

`python -I -S launch.py TIMEOUT_S COMMANDS`, the commands as JSON. A program of its own, and a small one: a process's
peak on Linux begins with its parent's at its start, so that a large parent would be measured instead of a small child.
What the programs say goes to stderr.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress


def main(timeout_s: int, commands: list[list[str]]) -> None:
    began = time.perf_counter()
    processes = joined(commands)
    expired = []

    def expire(*_: object) -> None:
        expired.append(True)
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    signal.signal(signal.SIGALRM, expire)
    signal.alarm(timeout_s)
    ended = [os.wait4(process.pid, 0) for process in processes]
    signal.alarm(0)
    wall = time.perf_counter() - began
    codes = [os.waitstatus_to_exitcode(status) for _, status, _ in ended]
    peaks = [usage.ru_maxrss / 1024 for _, _, usage in ended]
    cpu = sum(usage.ru_utime + usage.ru_stime for _, _, usage in ended)
    print(json.dumps({"wall": wall, "cpu": cpu, "codes": codes, "peaks_mb": peaks, "expired": bool(expired)}))


def joined(commands: list[list[str]]) -> list[subprocess.Popen[bytes]]:
    """Join the programs by pipes, as a shell does."""
    processes: list[subprocess.Popen[bytes]] = []
    for number, words in enumerate(commands):
        before = processes[-1].stdout if processes else subprocess.DEVNULL
        after = sys.stderr if number == len(commands) - 1 else subprocess.PIPE
        processes.append(subprocess.Popen(words, stdin=before, stdout=after))
        if processes[1:] and processes[-2].stdout:
            processes[-2].stdout.close()
    return processes


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
