// What the report says under the chosen filters. Pure: from the embedded data to sums, bins and the states of days.

const BARS = 40;
const CASCADES = 500;
const LARGEST = 50;
// From the best to the worst.
const STATES = [
  "proven", "archived", "begins", "future", "unread", "quarantined", "disputed", "partly", "not", "never", "lost",
];
// What the exchange's keeping of a day does not change.
const FINAL = {
  proven: "proven", archived: "archived", quarantined: "quarantined", disputed: "disputed", future: "future",
  "never asked": "never", "beyond retention": "lost",
};

/** The same data with rows in place of columns. */
function rowsOf(data) {
  const isPacked = (value) => value !== null && typeof value === "object" && "columns" in value;
  const entries = Object.entries(data).map(([name, value]) => [name, isPacked(value) ? unpacked(value) : value]);
  const { bin_bps, rows } = data.improvements;
  return { ...Object.fromEntries(entries), improvements: { bin_bps, rows: unpacked(rows) } };
}

/** The rows of the report by name; amounts as whole units, and an asset nobody could name as -1. */
function readReport(packed) {
  const data = rowsOf(packed);
  const scale = scaleOf(data.daily.map((row) => row[7]).filter((notional) => notional !== null));
  const daily = data.daily.map(([account, market, symbol, asset, type, day, orders, notional]) => ({
    account, market, symbol, asset: asset ?? -1, type, day, orders,
    units: notional === null ? null : unitsOf(notional, scale),
  }));
  const costs = costsOf(data);
  return {
    ...data, scale, daily, ...costs,
    verdicts: data.verdicts.map(([account, market, isComplete, line]) => ({ account, market, isComplete, line })),
    bins: data.improvements.rows.map(([account, market, symbol, asset, type, edge, orders]) => (
      { account, market, symbol, asset: asset ?? -1, type, edge, orders }
    )),
    hours: data.hours.map(([account, market, symbol, asset, type, weekday, hour, orders]) => (
      { account, market, symbol, asset: asset ?? -1, type, weekday, hour, orders }
    )),
    assets: [...groupedBy([...daily, ...costs.costs.map((row) => ({ ...row, orders: 0 }))], (row) => row.asset)]
      .map(([asset, rows]) => [asset, sum(rows.map((row) => row.orders))])
      .sort((one, other) => other[1] - one[1])
      .map(([asset]) => asset),
    cascades: data.cascades.map(([account, market, startedAt, seconds, orders, symbols, amounts, peak]) => ({
      account, market, startedAt, seconds, orders, symbols, amounts, peak,
    })),
    coverage: coverageOf(data),
    largest: byNotional(data),
  };
}

/** Every order that any choice may list, the largest first; one of which no amount is known last. */
function byNotional(data) {
  const amounts = data.largest.map((cells) => cells[9]).filter((notional) => notional !== null);
  const scale = scaleOf(amounts);
  const orders = data.largest.map((cells) => {
    const [account, market, symbol, , time, type, , , , notional, asset] = cells;
    const units = notional === null ? null : unitsOf(notional, scale);
    return { account, market, symbol, type: data.close_types.indexOf(type), asset, units, time, cells };
  });
  const known = ({ units }) => Number(units !== null);
  return orders.sort((one, other) => known(other) - known(one)
    || (one.units < other.units ? 1 : one.units > other.units ? -1 : 0)
    || (one.time < other.time ? -1 : one.time > other.time ? 1 : 0));
}

/** What orders changed in the wallet, as whole units of `costScale`, and of how many of them it is known. */
function costsOf(data) {
  const costScale = scaleOf(data.costs.flatMap((row) => row.slice(7)).filter((amount) => amount !== null));
  const units = (amount) => (amount === null ? null : unitsOf(amount, costScale));
  return {
    costScale,
    costs: data.costs.map(([account, market, symbol, asset, type, month, of, ...amounts]) => (
      { account, market, symbol, asset: asset ?? -1, type, month, of, amounts: amounts.map(units) }
    )),
    costStates: data.cost_states.map(([account, market, symbol, asset, type, , because, orders]) => (
      { account, market, symbol, asset: asset ?? -1, type, because, orders }
    )),
  };
}

/** A symbol in its market: another market may have one of the same name. */
function listedAs({ market, symbol }) {
  return `${market}/${symbol}`;
}

/** Each day of each account and market with its fate. */
function coverageOf(data) {
  const days = data.coverage.map(([account, market, day, coverage, reasons, orders]) => ({
    account, market, day, coverage, reasons, orders,
  }));
  const lastRead = new Map();
  for (const row of days) {
    const isRead = row.coverage === "proven" || row.coverage === "quarantined";
    if (isRead && row.day > (lastRead.get(walletOf(row)) ?? "")) lastRead.set(walletOf(row), row.day);
  }
  return days.map((row) => {
    const isOld = row.day < (lastRead.get(walletOf(row)) ?? "");
    return { ...row, ...fate(row.day, row.coverage, row.reasons, isOld, data) };
  });
}

/** An account in one of its markets: what has a history of its own. */
function walletOf({ account, market }) {
  return `${account}/${market}`;
}

/**
 * What is to become of a day: its state, and in how many days its first instant falls off what the exchange keeps.
 * A day that is not proven for no reason is young, or where proven days follow the one in which the history begins.
 */
function fate(day, coverage, reasons, isOld, { retention_days: retention, generated_at: now, day_starts: starts }) {
  if (FINAL[coverage]) return { state: FINAL[coverage], daysLeft: null };
  if (coverage === "partly" && reasons === null && isOld) return { state: "begins", daysLeft: null };
  const kept = retention === null ? Infinity : Date.parse(starts[day]) + retention * DAY - Date.parse(now);
  if (kept <= -DAY || /^beyond_retention(, quarantined)?$/.test(reasons)) return { state: "lost", daysLeft: null };
  const state = reasons === null ? "unread" : coverage;
  return { state, daysLeft: kept === Infinity ? null : Math.max(0, Math.floor(kept / DAY)) };
}

/** Everything the page shows for a choice of account, market, symbol, close type and asset; null chooses all of one. */
function viewOf(report, choice) {
  const ofWallet = (row) => (choice.account === null || row.account === choice.account)
    && (choice.market === null || row.market === choice.market);
  const ofEveryAsset = (row) => ofWallet(row) && (choice.symbol === null || row.symbol === choice.symbol)
    && (choice.type === null || row.type === choice.type);
  const isChosen = (row) => row.asset === choice.asset && ofEveryAsset(row);
  const daily = report.daily.filter(isChosen);
  const coverage = report.coverage.filter(ofWallet);
  const states = statesOf(coverage);
  const tally = (rows) => tallied(rows, report.close_types);
  const total = tally(daily);
  return {
    total,
    verdict: report.verdicts.find(({ account, market }) => account === choice.account && market === choice.market),
    markets: report.markets.filter((_, index) => daily.some((row) => row.market === index)),
    ordersOfEveryAsset: sum(report.daily.filter(ofEveryAsset).map((row) => row.orders)),
    days: shownDays(coverage, daily).map((day) => ({ day, state: states.get(day)?.state ?? "unread" })),
    tallies: new Map([...groupedBy(daily, (row) => row.day)].map(([day, rows]) => [day, tally(rows)])),
    symbols: [...groupedBy(daily, listedAs).values()]
      .map((rows) => ({ market: rows[0].market, symbol: rows[0].symbol, ...tally(rows) }))
      .sort((one, other) => (other.units > one.units ? 1 : other.units < one.units ? -1 : other.orders - one.orders)),
    costs: costsIn(report.costs.filter(isChosen), report.costStates.filter(isChosen), total.orders,
      report.quote_assets[choice.asset]),
    bins: binned(report.bins.filter(isChosen)),
    hours: weekOf(report.hours.filter(isChosen)),
    cascades: largestCascades(report.cascades.filter(ofWallet)),
    coverage,
    states,
    gaps: gapsOf(coverage),
    largest: largestOf(report, choice),
  };
}

/** Costs by asset, and by month and asset: the newest month and the chosen asset first. For how many orders known. */
function costsIn(costs, states, orders, chosenAsset) {
  const known = sum(states.filter(({ because }) => because === null).map((row) => row.orders));
  const unknown = groupedBy(states.filter(({ because }) => because !== null), ({ because }) => because);
  const byAsset = ({ of: one }, { of: other }) => (
    (other === chosenAsset) - (one === chosenAsset) || (one < other ? -1 : 1)
  );
  const summed = (rows) => ({ of: rows[0].of, month: rows[0].month, ...summedCosts(rows.map((row) => row.amounts)) });
  return {
    known,
    orders,
    reasons: [...unknown].map(([because, rows]) => ({ because, orders: sum(rows.map((row) => row.orders)) })),
    assets: [...groupedBy(costs, ({ of }) => of).values()].map(summed).sort(byAsset),
    months: [...groupedBy(costs, ({ month, of }) => `${month} ${of}`).values()].map(summed)
      .sort((one, other) => (one.month === other.month ? byAsset(one, other) : one.month < other.month ? 1 : -1)),
  };
}

/** Each kind of cost by itself, null where nothing of it is known, and all of them together. */
function summedCosts(amounts) {
  const added = (kind) => amounts.map((row) => row[kind]).filter((units) => units !== null)
    .reduce((all, units) => (all ?? 0n) + units, null);
  const [pnl, commission, fee] = [0, 1, 2].map(added);
  return { pnl, commission, fee, total: (pnl ?? 0n) + (commission ?? 0n) + (fee ?? 0n) };
}

/** The 500 with the most orders, oldest first; the report has as many of each account and market. */
function largestCascades(cascades) {
  const largest = [...cascades].sort((one, other) => other.orders - one.orders).slice(0, CASCADES);
  return largest.sort((one, other) => (one.startedAt < other.startedAt ? -1 : 1));
}

/** Orders and units of rows, in all and by close type; `unpriced` counts the orders of which no amount is known. */
function tallied(rows, types) {
  const tally = { orders: 0, units: 0n, unpriced: 0, byType: types.map(() => ({ orders: 0, units: 0n })) };
  for (const { type, orders, units } of rows) {
    tally.orders += orders;
    tally.byType[type].orders += orders;
    tally.units += units ?? 0n;
    tally.byType[type].units += units ?? 0n;
    if (units === null) tally.unpriced += orders;
  }
  return tally;
}

/** The days to draw: from the first that was ever asked for or has an order to the last. */
function shownDays(coverage, daily) {
  const known = [...coverage, ...daily].map((row) => row.day).sort();
  return known.length ? daysBetween(known[0], known.at(-1)) : [];
}

/** Each day in the worst of its states among the accounts and markets, and how soon the first of them loses it. */
function statesOf(coverage) {
  const states = new Map();
  for (const [day, rows] of groupedBy(coverage, (row) => row.day)) {
    const worst = Math.max(...rows.map((row) => STATES.indexOf(row.state)));
    const left = rows.map((row) => row.daysLeft).filter((days) => days !== null);
    states.set(day, { state: STATES[worst], daysLeft: left.length ? Math.min(...left) : null, rows });
  }
  return states;
}

/** Days in a row of one account and market, not proven for the same reasons; what is lost first stands first. */
function gapsOf(coverage) {
  const gaps = [];
  for (const rows of groupedBy(coverage, walletOf).values()) {
    let gap = null;
    for (const row of [...rows].sort((one, other) => (one.day < other.day ? -1 : 1))) {
      const goesOn = gap && gap.state === row.state && gap.reasons === row.reasons
        && Date.parse(row.day) - Date.parse(gap.last) === DAY;
      if (goesOn) Object.assign(gap, { last: row.day, days: gap.days + 1 });
      else if (row.state !== "proven" && row.state !== "begins") gaps.push((gap = { ...row, last: row.day, days: 1 }));
      else gap = null;
    }
  }
  return gaps.sort((one, other) => (one.daysLeft ?? Infinity) - (other.daysLeft ?? Infinity)
    || (one.day < other.day ? -1 : 1));
}

/** The bins of the distribution, from the best price to the worst. */
function binned(rows) {
  return [...groupedBy(rows, ({ edge }) => edge)]
    .map(([edge, ofEdge]) => ({ edge, orders: sum(ofEdge.map((row) => row.orders)) }))
    .sort((one, other) => one.edge - other.edge);
}

/** The edge of the bin that holds the order at this share of all, in their order. */
function quantile(bins, share) {
  let left = share * sum(bins.map((bin) => bin.orders));
  return bins.find((bin) => (left -= bin.orders) <= 0)?.edge ?? bins.at(-1).edge;
}

/** At most some forty bars of one width that show 99 % of the orders; the two at the ends take in what lies beyond. */
function barsOf(bins, width) {
  const [low, high] = [quantile(bins, 0.005), quantile(bins, 0.995)];
  let step = width;
  for (let i = 0; (high - low) / step > BARS; i += 1) step *= i % 3 === 2 ? 2.5 : 2; // 5, 10, 20, 50, 100 …
  const floor = (edge) => Math.floor(edge / step) * step;
  const [first, last] = [floor(low), floor(high)];
  const bars = [];
  for (let from = first; from <= last; from += step) bars.push({ from, to: from + step, orders: 0, open: null });
  for (const { edge, orders } of bins) {
    const bar = bars[(Math.min(Math.max(floor(edge), first), last) - first) / step];
    bar.orders += orders;
    if (edge < first) bar.open = "below";
    if (edge >= last + step) bar.open = "above";
  }
  return bars;
}

/** Orders by weekday and hour: seven rows of twenty-four. */
function weekOf(rows) {
  const week = Array.from({ length: 7 }, () => Array(24).fill(0));
  for (const { weekday, hour, orders } of rows) week[weekday][hour] += orders;
  return week;
}

/** The fifty largest orders under a choice: the report has fifty of each account, market, symbol, asset and type. */
function largestOf(report, choice) {
  const named = new Set(report.symbols);
  const symbol = choice.symbol === null ? null : report.symbols[choice.symbol];
  const asset = choice.asset === -1 ? null : report.quote_assets[choice.asset];
  const holds = (row) => row.symbol === symbol || (isRest(symbol) && !named.has(row.symbol));
  return report.largest
    .filter((row) => row.asset === asset && (choice.account === null || row.account === choice.account)
      && (choice.market === null || row.market === choice.market) && (choice.type === null || row.type === choice.type)
      && (symbol === null || holds(row)))
    .slice(0, LARGEST);
}

/** Whether this name stands for the symbols that have too few orders to be named. */
function isRest(symbol) {
  return /^others \(\d+ symbols?\)$/.test(symbol ?? "");
}
