"""One campaign run: what was drawn is done to it, then it is left alone until it is done, then it is judged."""

import signal
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired

import psycopg

from etl.simulator.stats import Stats
from tests.acceptance.lab import DAY, Lab
from tests.chaos.drawing import AT_A_COMMIT, BAN_SECONDS, CLOCK_JUMPS, SILENCES, Drawn, Round, drawn
from tests.chaos.endings import BANNED, CLOCKS_APART, DONE, FAILED, INCOMPLETE, objections, was_met
from tests.chaos.judging import differences, unfinished, untrue
from tests.chaos.ownserver import OwnServer, cut_connections
from tests.chaos.scenes import come_to, pages, scene, start
from tests.forking import Process

QUIET_RUNS = 3
"""One is enough but where an exchange is hard to read: the next knows from the last how long its pages are."""

SHOWN = 3
"""Complaints of one moment; what is wrong is rarely wrong once."""

MINUTE_MS = 60_000
BEFORE_THE_MINUTE_MS = 2_500
"""A throttled run waits for the next full minute of the exchange: it begins so shortly before one."""


@dataclass
class Outcome:
    """What a campaign run met, and what was wrong."""

    seed: int
    met: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    commands: int = 0
    seconds: float = 0.0


def campaign_run(seed: int, server: OwnServer, directory: Path) -> Outcome:
    """The run of that seed from its draw to its verdict; leaves the server up."""
    began = time.monotonic()
    plan, outcome = drawn(seed), Outcome(seed)
    try:
        with scene(server, directory, plan.scenario, plan.history, **plan.environment) as lab:
            try:
                _CampaignRun(plan, lab, server, outcome).go()
            finally:
                if not server.answers():
                    server.start()
    except Exception as error:  # the campaign goes on; its command fails at the end
        outcome.wrong.append(f"the campaign itself broke: {type(error).__name__}: {error}")
    outcome.seconds = time.monotonic() - began
    return outcome


class _CampaignRun:
    def __init__(self, plan: Drawn, lab: Lab, server: OwnServer, outcome: Outcome) -> None:
        self._plan = plan
        self._lab = lab
        self._server = server
        self._outcome = outcome
        self._bans = 0
        self._set_back_ms = 0
        """By how much the exchange's clock is behind after jumps: the minutes before them are too young again."""

    def go(self) -> None:
        for number, one in enumerate(self._plan.rounds, start=1):
            self._round(f"round {number}", one)
        self._leave_alone()
        self._note("at the end", differences(self._lab))
        during, in_flight = self._stats.requests_during_ban, self._bans * (self._plan.concurrency - 1)
        if during > in_flight:
            self._note("at the end", [f"{during} requests were sent during a ban, {in_flight} were in flight"])

    @property
    def _stats(self) -> Stats:
        return self._lab.simulator.exchange.stats

    def _note(self, when: str, complaints: list[str]) -> None:
        self._outcome.wrong += [f"{when}: {complaint}" for complaint in complaints[:SHOWN]]
        if len(complaints) > SHOWN:
            self._outcome.wrong.append(f"{when}: and {len(complaints) - SHOWN} more of the kind")

    def _round(self, name: str, one: Round) -> None:
        lab = self._lab
        lab.tell("faults", list(one.answers.values()))
        if one.answers.keys() & SILENCES - {"banned"}:
            lab.tell("clock", {"advance_ms": -(lab.now() + BEFORE_THE_MINUTE_MS) % MINUTE_MS})
        seen, before = len(self._stats.log), pages(lab)
        dies = one.dies if one.blow == AT_A_COMMIT else None
        processes = [start(lab, "backfill", dies=dies, **one.environment)]
        reached = come_to(processes[0], lambda: pages(lab) >= before + one.after_pages) if one.blow else False
        struck = reached or one.blow == AT_A_COMMIT
        if struck:
            processes += self._strike(one, processes[0])
        ends = [done for process in processes if (done := self._end(name, process)) is not None]
        if not self._server.answers():
            self._server.start()
        faults = {entry.fault for entry in list(self._stats.log)[seen:]}
        answers = {answer for answer, fault in one.answers.items() if fault["kind"] in faults}
        blow = one.blow if struck else None
        codes = [done.returncode for done in ends]
        self._outcome.met += sorted(answers) + ([blow] if blow and was_met(blow, codes) else [])
        self._note(name, [objection for done in ends for objection in objections(done, answers, blow)])
        self._note(name, untrue(lab))
        if struck and one.blow == CLOCK_JUMPS:
            self._set_clock_right(name, one.jump_ms)
        if answers & SILENCES:
            self._bans += "banned" in answers
            self._end_silence(name, is_known="banned" in answers and BANNED in codes)

    def _strike(self, one: Round, process: Process) -> list[Process]:
        """The blow; gives back what was started by it."""
        match one.blow:
            case "kill -9":
                process.kill()
            case "SIGTERM" | "SIGINT" as name:
                process.send_signal(signal.Signals[name])
            case "Postgres crashes":
                self._server.crash()
            case "Postgres stops at once":
                self._server.stop_at_once()
            case "connections cut":
                cut_connections(self._lab.database_url)
            case "the exchange's clock jumps":
                self._lab.tell("clock", {"advance_ms": one.jump_ms})
                self._set_back_ms += max(-one.jump_ms, 0)
            case "two runs at once":
                return [start(self._lab, "backfill", dies=None, **one.environment)]
        return []

    def _end(self, when: str, process: Process) -> "CompletedProcess[str] | None":
        self._outcome.commands += 1
        try:
            return process.end()
        except TimeoutExpired as hanging:
            self._note(when, [f"it did not end within {hanging.timeout} s; it said {hanging.stderr!r}"])
            return None

    def _end_silence(self, when: str, *, is_known: bool) -> None:
        """Where a run ended with a ban, the next one must keep it. Then it is over."""
        lab = self._lab
        lab.tell("faults", [])
        if is_known:
            before = self._stats.requests
            again = self._end(when, start(lab, "backfill"))
            sent = self._stats.requests - before
            if sent or again is None or again.returncode != BANNED:
                self._note(when, [f"the ban was not kept: {sent} requests were sent, {again}"])
        lab.tell("clock", {"advance_ms": BAN_SECONDS * 1_000 + 2 * MINUTE_MS})
        with closing(psycopg.connect(lab.database_url, autocommit=True)) as operator:
            operator.execute("DELETE FROM cooldowns")
        for file in lab.command.directory.rglob("cooldown-*.json"):
            file.unlink()

    def _set_clock_right(self, when: str, jumped_ms: int) -> None:
        """More than a day from the database's clock no run asks for an order. Then somebody sets the clock back."""
        lab = self._lab
        if abs(lab.now() - time.time_ns() // 1_000_000) <= DAY:
            return
        before = len(self._stats.log)
        refused = self._end(when, start(lab, "backfill"))
        sent = len(self._stats.log) - before
        if sent or refused is None or refused.returncode != FAILED or CLOCKS_APART not in refused.stderr:
            self._note(when, [f"clocks far apart were not noticed: {sent} requests for orders were sent, {refused}"])
        lab.tell("clock", {"advance_ms": -jumped_ms})

    def _leave_alone(self) -> None:
        """Runs to which nothing happens, until nothing is left that a further one could fill. No clock is behind."""
        lab = self._lab
        lab.tell("faults", [])
        lab.tell("scenario", {"latency_ms": 0})
        lab.tell("clock", {"advance_ms": self._set_back_ms})
        for _ in range(QUIET_RUNS):
            done = self._end("left alone", start(lab, "backfill"))
            if done is not None and done.returncode not in (DONE, INCOMPLETE):
                self._note("left alone", [f"exit {done.returncode}; it said {done.stderr!r}"])
            if not unfinished(lab):
                break
