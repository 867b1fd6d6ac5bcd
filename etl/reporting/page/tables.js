// What each section says in words and in a table: a gist for who cannot see the chart, and numbers to copy.

const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const STATE_NAMES = {
  proven: "proven",
  archived: "from an archive",
  begins: "history begins",
  future: "future",
  unread: "not read yet",
  quarantined: "unreadable row",
  disputed: "disputed",
  partly: "partly proven",
  not: "not proven",
  never: "never asked for",
  lost: "lost",
};

const text = (name) => ({ name, numeric: false });
const number = (name) => ({ name, numeric: true });
const wrapped = (column) => ({ ...column, wraps: true });

/** `{gist, columns, rows}` by section; `gist` is null and there are no rows where there is nothing to draw. */
function tablesOf(report, view, choice) {
  const asset = assetName(report, choice.asset);
  const amount = (units) => grouped(decimalOf(units, report.scale));
  return {
    daily: dailyTable(report, view, asset, amount),
    symbols: symbolsTable(report, view, asset, amount),
    improvement: improvementTable(report, view),
    cascades: cascadesTable(report, view),
    hours: hoursTable(report, view),
    coverage: coverageTable(report, view),
    largest: largestTable(report, view, asset),
  };
}

/** The column of the market, or what stands in it, where the report has several markets. */
function ofMarket(report, what) {
  return report.markets.length > 1 ? [what] : [];
}

/** The account as people read it, with its market where the report has several. */
function walletName(report, { account, market }) {
  return [report.accounts[account], ...ofMarket(report, `(${report.markets[market]})`)].join(" ");
}

/** The same of a symbol. */
function symbolName(report, { market, symbol }) {
  return [report.symbols[symbol], ...ofMarket(report, `(${report.markets[market]})`)].join(" ");
}

function assetName(report, asset) {
  return asset === -1 ? "(unknown asset)" : report.quote_assets[asset];
}

function dailyTable(report, view, asset, amount) {
  const most = view.days.reduce((best, { day }) =>
    ((view.tallies.get(day)?.units ?? -1n) > (view.tallies.get(best)?.units ?? -1n) ? day : best), null);
  const unproven = view.days.filter((day) => day.state !== "proven").length;
  const nothing = tallied([], report.close_types);
  return {
    gist: most && `${many(view.days.length, "day")}, total ${amount(view.total.units)} ${asset}; the most on ${most}: `
      + `${amount(view.tallies.get(most)?.units ?? 0n)} ${asset}. ${many(unproven, "day")} not proven.`,
    columns: [
      text("Day"), text("Coverage"), number("Orders"), number(asset),
      ...report.close_types.flatMap((type) => [number(`${type} orders`), number(`${type} ${asset}`)]),
    ],
    rows: view.days.map(({ day, state }) => {
      const tally = view.tallies.get(day) ?? nothing;
      return [
        day, STATE_NAMES[state], grouped(tally.orders), amount(tally.units),
        ...tally.byType.flatMap(({ orders, units }) => [grouped(orders), amount(units)]),
      ];
    }),
  };
}

function symbolsTable(report, view, asset, amount) {
  const [first] = view.symbols;
  return {
    gist: first && `${many(view.symbols.length, "symbol")}; the most in ${symbolName(report, first)}: `
      + `${amount(first.units)} ${asset} in ${many(first.orders, "order")}.`,
    columns: [
      ...ofMarket(report, text("Market")), text("Symbol"), number("Orders"), number(asset),
      ...report.close_types.flatMap((type) => [number(`${type} orders`), number(`${type} ${asset}`)]),
    ],
    rows: view.symbols.map(({ market, symbol, orders, units, byType }) => [
      ...ofMarket(report, report.markets[market]), report.symbols[symbol], grouped(orders), amount(units),
      ...byType.flatMap((ofType) => [grouped(ofType.orders), amount(ofType.units)]),
    ]),
  };
}

function improvementTable(report, view) {
  const width = report.improvements.bin_bps;
  const all = sum(view.bins.map((bin) => bin.orders));
  const better = sum(view.bins.filter((bin) => bin.edge >= 0).map((bin) => bin.orders));
  const middle = all && quantile(view.bins, 0.5);
  return {
    gist: all && `${many(all, "order")} with a price and a fill: ${percent(better, all)} filled at the order's `
      + `price or a better one, ${percent(all - better, all)} at a worse one; the median is between `
      + `${middle} and ${middle + width} bps.`,
    columns: [number("From, bps"), number("to below, bps"), number("Orders"), number("Share")],
    rows: view.bins.map(({ edge, orders }) => [edge, edge + width, grouped(orders), percent(orders, all)].map(String)),
  };
}

function cascadesTable(report, view) {
  const largest = largestCascade(view);
  return {
    gist: largest && `${many(view.cascades.length, "cascade")}; the largest of ${many(largest.orders, "order")} in `
      + `${duration(largest.seconds)} on ${spaced(largest.startedAt)}.`,
    columns: [
      text("Account"), ...ofMarket(report, text("Market")), text("First order, UTC"), number("Seconds"),
      number("Orders"), number("Symbols"), text("Notional"), number("Peak per second"),
    ],
    rows: view.cascades.map(({ account, market, startedAt, seconds, orders, symbols, amounts, peak }) => [
      report.accounts[account], ...ofMarket(report, report.markets[market]), spaced(startedAt), String(seconds),
      grouped(orders), grouped(symbols),
      amountsOf(amounts), grouped(peak),
    ]),
  };
}

/** Each asset's amount by itself: different assets are never added. */
function amountsOf(amounts, between = ", ") {
  return Object.entries(amounts)
    .map(([asset, amount]) => (amount === null ? "–" : `${grouped(trimmed(amount))} ${asset}`))
    .join(between);
}

function largestCascade(view) {
  return view.cascades.reduce((most, one) => (most && most.orders >= one.orders ? most : one), null);
}

function hoursTable(report, view) {
  const cells = view.hours.flatMap((hours, weekday) => hours.map((orders, hour) => ({ weekday, hour, orders })));
  const busiest = cells.reduce((most, cell) => (cell.orders > most.orders ? cell : most));
  const hour = `from ${busiest.hour}:00 to ${busiest.hour + 1}:00 ${report.time_zone}`;
  return {
    gist: busiest.orders && `${many(sum(cells.map((cell) => cell.orders)), "order")}; the most on `
      + `${WEEKDAYS[busiest.weekday]}s ${hour}: ${grouped(busiest.orders)}.`,
    columns: [text(report.time_zone), ...Array.from({ length: 24 }, (_, hour) => number(`${hour}`)), number("Total")],
    rows: view.hours.map((hours, weekday) => [WEEKDAYS[weekday], ...hours.map(grouped), grouped(sum(hours))]),
  };
}

function coverageTable(report, view) {
  const days = groupedBy(view.states.values(), (day) => day.state);
  const said = STATES.filter((state) => days.has(state))
    .map((state) => `${grouped(days.get(state).length)} ${STATE_NAMES[state]}`);
  return {
    gist: view.coverage.length && `${many(view.states.size, "day")}: ${said.join(", ")}.`,
    columns: [
      text("Account"), ...ofMarket(report, text("Market")), text("Day"), text("Coverage"), text("Reasons"),
      number("Orders"), text("State"), number("Days until lost"),
    ],
    rows: view.coverage.map(({ account, market, day, coverage, reasons, orders, state, daysLeft }) => [
      report.accounts[account], ...ofMarket(report, report.markets[market]), day, coverage, reasons ?? "–",
      grouped(orders), STATE_NAMES[state], daysLeft === null ? "–" : String(daysLeft),
    ]),
  };
}

function largestTable(report, view, asset) {
  const cell = (value) => value ?? "–";
  const amount = (value) => (value === null ? "–" : grouped(trimmed(value)));
  return {
    gist: view.largest.length && `The ${many(view.largest.length, "largest order")}.`,
    columns: [
      text("Time, UTC"), wrapped(text("Account")), ...ofMarket(report, text("Market")), wrapped(text("Symbol")),
      number("Order id"), text("Type"), text("Closed"), number(`Notional, ${asset}`), number("Quantity"),
      number("Average price"), number("Better by, bps"), wrapped(number("Cost")),
    ],
    rows: view.largest.map(({ cells }) => {
      const [account, market, symbol, id, time, type, closed, quantity, price, notional, , improvement, cost] = cells;
      return [
        spaced(time), report.accounts[account], ...ofMarket(report, report.markets[market]), symbol, String(id), type,
        cell(closed), amount(notional), amount(quantity), amount(price), amount(improvement),
        cost ? amountsOf(cost, ",\n") : "–",
      ];
    }),
  };
}

/** The gaps in a sentence each, and what is lost next. */
function gapLines(report, view) {
  const open = view.gaps.filter((gap) => gap.state !== "unread");
  const unread = view.gaps.filter((gap) => gap.state === "unread");
  const account = (gap) => (report.accounts.length * report.markets.length > 1 ? `${walletName(report, gap)}: ` : "");
  const span = (gap) => (gap.days === 1 ? gap.day : `${gap.day} to ${gap.last} (${many(gap.days, "day")})`);
  const lines = open.map((gap) => {
    const why = gap.reasons === null ? "" : `, ${gap.reasons}`;
    return `${account(gap)}${span(gap)} ${STATE_NAMES[gap.state]}${why}${fallsOff(gap)}`;
  });
  return [...lines, ...unread.map((gap) => `${account(gap)}${span(gap)} ${STATE_NAMES[gap.state]}`)];
}

/** What the exchange will do to a gap, in words. */
function fallsOff({ state, daysLeft }) {
  if (state === "lost") return "; the exchange no longer keeps it";
  if (daysLeft === null) return "";
  return `; the exchange drops it ${daysLeft ? `in ${many(daysLeft, "day")}` : "today"}`;
}

/** The sentence in place of a chart or table that has nothing to show. */
function nothingOf(name, report, view) {
  if (name === "coverage") return "Nothing has been read yet. Start with: force-orders backfill";
  if (!report.daily.length) {
    const proven = view.days.filter((day) => day.state === "proven").length;
    const none = proven ? `; ${many(proven, "day")} proven to have none` : "";
    return `No force order is stored in this span${none}.`;
  }
  if (name === "improvement") return "No order of this choice has both a price and a fill.";
  if (name === "cascades") return "No cascade: no two orders came in quick succession.";
  return "No force order is stored for this choice.";
}
