"""What `simulator --accounts 2` prints is all that a newcomer needs to read both accounts."""

from tests.command import Command

LINES = 10


def test_both_accounts_can_be_read_with_what_is_printed(command: Command, writer_url: str) -> None:
    simulator = command.start("simulator", "--profile", "empty", "--accounts", "2")
    try:
        assert simulator.stdout is not None
        lines = [simulator.stdout.readline().rstrip("\n") for _ in range(LINES)]
        exports = dict(line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))
        settings = [line.removeprefix("# ") for line in lines[lines.index(COMMENT) + 1 :]]
        (command.directory / "force-orders.toml").write_text("\n".join(settings))
        checked = command("accounts", "check", FORCE_ORDERS_DATABASE_URL=writer_url, **exports)
    finally:
        simulator.terminate()
        simulator.communicate(timeout=60)
    assert checked.returncode == 0, checked.stderr
    assert "2 accounts: 2 fine, 0 not" in checked.stdout


COMMENT = "# for force-orders.toml, without the '# ' before each line:"
