"""Runs the suite on other dates, at other hours and in other time zones: `python -m tests.dates [PYTEST ARGUMENT …]`.

A preloaded library shows each of these dates to every process of a run; it is compiled here, so cc must be installed.
All runs must pass, and each test must send the simulator the same number of requests on every date.
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
    """When a run seems to begin (UTC), and in which time zone its machine seems to stand."""

    begins: str
    zone: str

    def seconds_ahead(self, now: datetime) -> int:
        """How far the moment lies ahead of `now`, or behind it where negative."""
        return round((datetime.fromisoformat(self.begins).replace(tzinfo=UTC) - now).total_seconds())


MOMENTS = (
    Moment("2026-12-31T23:58", "UTC"),
    Moment("2027-03-01T00:03", "Asia/Kolkata"),
    Moment("2027-10-31T13:00", "America/New_York"),
    Moment("2028-02-29T23:58", "Asia/Kolkata"),
    Moment("2029-07-15T00:03", "America/New_York"),
)


def main(arguments: Sequence[str]) -> int:
    """Run the suite at each moment; 0 if all is green and every test sends the same number of requests each time."""
    compiler = shutil.which("cc")
    if compiler is None:
        print("tests.dates: there is no C compiler; install cc, as in the package gcc", file=sys.stderr)
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
    """What each test of a JUnit report says of its requests."""
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314  # pytest wrote it a moment ago
    return {
        f"{case.get('classname')}.{case.get('name')}": int(one.get("value", "0"))
        for case in cases
        for one in case.iter("property")
        if one.get("name") == "requests"
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
