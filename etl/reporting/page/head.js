// The head of the page: whether what is shown is complete, in the words of the command, and the days by state.

/** `{title, isComplete, line, counts, hint}`, texts for people. */
function statedHead(report, view, choice) {
  const counts = STATES.map((state) => [state, view.coverage.filter((day) => day.state === state).length])
    .filter(([, days]) => days);
  const { isComplete = false, line = "not complete: nothing is known of this choice" } = view.verdict ?? {};
  return {
    title: isComplete ? "Complete" : "Not complete",
    isComplete,
    line,
    counts,
    hint: statementCommand(report, choice),
  };
}

/** How to have the same signed; "" where there is no day. An account that a shell would read otherwise is not named. */
function statementCommand(report, choice) {
  const days = Object.keys(report.day_starts).sort();
  if (!days.length) return "";
  const account = choice.account === null ? "" : report.accounts[choice.account];
  return [
    `force-orders statement --from ${days[0]} --until ${days.at(-1)}`,
    /^[\w.][\w.-]*$/.test(account) && `--account ${account}`,
    report.time_zone !== "UTC" && `--tz ${report.time_zone}`,
    "--out statement.html",
  ].filter(Boolean).join(" ");
}
