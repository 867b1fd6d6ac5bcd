"""Runs the suite on other dates, at other hours and in other time zones: `python -m tests.dates [PYTEST ARGUMENT …]`.

A preloaded library shifts the clock of every process of a run. It is compiled here, so cc must be installed. All runs
must pass, and each test must send the simulator the same number of requests on every date.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

SOURCE = Path(__file__).with_name("shifted_clock.c")


@dataclass(frozen=True)
class Moment:
    """When a run seems to begin (UTC), and the time zone of its machine."""

    begins: str
    zone: str

    def seconds_ahead(self, now: datetime) -> int:
        """Seconds from `now` until the moment; negative if it is past."""
        return round((datetime.fromisoformat(self.begins).replace(tzinfo=UTC) - now).total_seconds())


MOMENTS = (
    Moment("2026-12-31T23:58", "UTC"),
    Moment("2027-03-01T00:03", "Asia/Kolkata"),
    Moment("2027-10-31T13:00", "America/New_York"),
    Moment("2028-02-29T23:58", "Asia/Kolkata"),
    Moment("2029-07-15T00:03", "America/New_York"),
)


def main(arguments: Sequence[str]) -> int:
    """Run the suite at each moment; 0 if all runs pass and each test sends the same number of requests every time."""
    compiler = shutil.which("cc")
    if compiler is None:
        print("tests.dates: no C compiler; install cc, for instance with the package gcc", file=sys.stderr)
        return 2
    runs = []
    for moment in MOMENTS:
        print(f"== {moment.begins} UTC, TZ={moment.zone}", flush=True)
        runs.append(run_at(moment, compiler, arguments))
    counts = [requests for _, requests in runs]
    differing = [name for name in counts[0] if len({one.get(name) for one in counts}) > 1]
    for name in differing:
        print(f"requests differ by date: {name}: {', '.join(str(one.get(name)) for one in counts)}")
    passed, same = sum(code == 0 for code, _ in runs), len(counts[0]) - len(differing)
    print(f"{passed} of {len(runs)} dates passed; {same} of {len(counts[0])} tests sent the same number of requests")
    return 1 if differing or passed < len(runs) else 0


def run_at(moment: Moment, compiler: str, arguments: Sequence[str]) -> tuple[int, Mapping[str, int]]:
    """pytest's exit code at a moment, and the requests that each test sent, by the test's name."""
    with tempfile.TemporaryDirectory(prefix="fo-dates-") as directory:
        Path(directory).chmod(0o755)  # the embedded Postgres of root runs as another user
        library, report = Path(directory) / "shifted_clock.so", Path(directory) / "report.xml"
        shift = f"-DSHIFT_SECONDS={moment.seconds_ahead(datetime.now(UTC))}"
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", shift, "-o", library, SOURCE], check=True)
        words = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *arguments]
        environment = os.environ | {"LD_PRELOAD": str(library), "TZ": moment.zone}
        code = subprocess.run(words, env=environment, check=False).returncode
        return code, requests_by_test(report) if report.exists() else {}


def requests_by_test(report: Path) -> dict[str, int]:
    """The requests that each test sent, by the test's name, from a JUnit report."""
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314  # pytest wrote it a moment ago
    return {
        f"{case.get('classname')}.{case.get('name')}": int(one.get("value", "0"))
        for case in cases
        for one in case.iter("property")
        if one.get("name") == "requests"
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
