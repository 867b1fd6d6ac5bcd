// The document: filters, key figures, tables and the charts in their places, drawn anew for every choice.

const CHARTS = {
  daily: dailyChart,
  symbols: symbolsChart,
  improvement: improvementChart,
  cascades: cascadesChart,
  hours: hoursChart,
  coverage: calendarChart,
};
const GAPS_SHOWN = 6;
const PAPER = { daily: 640, coverage: 310, symbols: 310, improvement: 310, cascades: 310, hours: 310 }; // pixels on A4
const LONG = 200; // days, from which on the calendar has the width of the paper
const HIGHEST = { symbols: 230, improvement: 230, cascades: 230, hours: 230 };

const report = readReport(JSON.parse(document.getElementById("report-data").textContent));
const filters = document.forms[0].elements;
const drawn = new Map();
const sorting = { column: null, descending: false };
let view, tables, choice;

function element(name, content, className) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...[content ?? []].flat());
  return made;
}

/** Fills the filters; one that leaves no choice is not shown. */
function offer() {
  const options = {
    account: [["", "all accounts"], ...report.accounts.map((name, index) => [index, name])],
    market: [["", "all markets"], ...report.markets.map((name, index) => [index, name])],
    symbol: [["", "all symbols"], ...report.symbols.map((name, index) => [index, name])],
    type: [["", "all close types"], ...report.close_types.map((name, index) => [index, name])
      .filter(([index]) => report.daily.some((row) => row.type === index))],
    asset: report.assets.map((asset) => [asset, assetName(report, asset)]),
  };
  for (const [name, choices] of Object.entries(options)) {
    filters[name].replaceChildren(...choices.map(([value, label]) => new Option(label, value)));
    filters[name].parentElement.hidden = choices.length < (name === "asset" ? 2 : 3);
  }
  document.forms[0].hidden = [...filters].every((select) => select.parentElement.hidden);
}

/** The filters as the address names them after its #, such as #account=main&symbol=BTCUSDT. */
function chooseByAddress() {
  const named = new URLSearchParams(location.hash.slice(1));
  for (const select of filters) {
    const option = [...select.options].find(({ label }) => label === named.get(select.name));
    select.value = (option ?? select.options[0])?.value ?? "";
  }
}

function rememberInAddress() {
  const named = [...filters].filter((select) => select.selectedIndex > 0).map((select) =>
    [select.name, select.selectedOptions[0].label]);
  history.replaceState(null, "", `#${new URLSearchParams(named)}`);
}

function chosen() {
  const index = ({ value }) => (value === "" ? null : Number(value));
  return {
    account: index(filters.account),
    market: index(filters.market),
    symbol: index(filters.symbol),
    type: index(filters.type),
    asset: index(filters.asset) ?? -1,
  };
}

function show() {
  choice = chosen();
  view = viewOf(report, choice);
  tables = tablesOf(report, view, choice);
  const names = [...filters]
    .filter((select) => !select.parentElement.hidden)
    .map((select) => select.selectedOptions[0].label);
  document.querySelector(".chosen").textContent = `Shown: ${names.join(", ") || "everything"}`;
  showHead();
  showFigures();
  showCosts();
  showGaps();
  for (const name of Object.keys(CHARTS)) {
    draw(name);
    showNumbers(name);
  }
  const rows = document.querySelector("#largest");
  rows.querySelector(".nothing").hidden = view.largest.length > 0;
  rows.querySelector(".nothing").textContent = nothingOf("largest", report, view);
  rows.querySelector(".scroll").hidden = !view.largest.length;
  showLargest();
}

function showFigures() {
  const { total } = view;
  const adl = total.byType[report.close_types.indexOf("ADL")]?.orders ?? 0;
  const [exact, glance] = [decimalOf(total.units, report.scale), glanced(total.units, report.scale)];
  const asset = report.assets.length ? assetName(report, choice.asset) : "";
  const cascade = largestCascade(view);
  const [cost, ...besides] = costsAtAGlance(report, view.costs);
  const days = [...view.states.values()];
  const unproven = days.filter((day) => day.state !== "proven").length;
  const standings = ["begins", "unread", "never", "lost"]
    .map((state) => [state, days.filter((day) => day.state === state).length])
    .filter(([, count]) => count)
    .map(([state, count]) => `${grouped(count)} ${STATE_NAMES[state]}`);
  const amounts = [
    exact !== glance && `exactly ${grouped(exact)}`,
    view.markets.length > 1 && view.markets.join(" + "),
    total.unpriced && `unknown for ${many(total.unpriced, "order")}`,
  ].filter(Boolean);
  const figures = [
    ["Orders", grouped(total.orders),
      report.assets.length > 1 ? `in ${asset}, of ${grouped(view.ordersOfEveryAsset)} in all assets` : ""],
    [`Notional${asset && `, ${asset}`}`, grouped(glance), amounts.join(", ")],
    ["ADL share", percent(adl, total.orders), total.orders ? `${grouped(adl)} of ${many(total.orders, "order")}` : ""],
    ["Largest cascade", cascade ? many(cascade.orders, "order") : "–",
      cascade ? `in ${duration(cascade.seconds)}, ${cascade.startedAt.slice(0, 10)}` : ""],
    [`What it cost${view.costs.assets.length ? `, ${view.costs.assets[0].of}` : ""}`, cost ?? "–",
      [...besides, total.orders && (view.costs.known
        ? `known of ${grouped(view.costs.known)} of ${many(total.orders, "order")}` : "not read")]
        .filter(Boolean).join(", ")],
    ["Days not proven", days.length ? grouped(unproven) : "–",
      standings.join(", ") || (days.length ? `of ${grouped(days.length)}` : "nothing read yet")],
  ];
  document.querySelector(".figures").replaceChildren(...figures.map(([name, value, aside]) =>
    element("div", [element("dt", name), element("dd", value, "value"), element("dd", aside, "aside")])));
}

function showHead() {
  const head = statedHead(report, view, choice);
  const place = document.querySelector("#verdict");
  place.classList.toggle("complete", head.isComplete);
  place.querySelector("h2").textContent = head.title;
  place.querySelector(".line").textContent = head.line;
  const strip = head.counts.map(([state, days]) => {
    const part = element("span");
    part.style.flexGrow = days;
    part.style.setProperty("--swatch", `var(--day-${state})`);
    return part;
  });
  place.querySelector(".strip").replaceChildren(...strip);
  showLegend(place.querySelector(".legend"), head.counts.map(([state, days]) =>
    [`${grouped(days)} ${STATE_NAMES[state]}`, `var(--day-${state})`]));
  const hint = place.querySelector(".hint");
  hint.hidden = !head.hint;
  hint.querySelector("code").textContent = head.hint;
}

function showCosts() {
  const place = document.querySelector("#costs");
  const { columns, rows, sums } = costsTable(report, view);
  place.querySelector(".scroll").hidden = !rows.length;
  fill(place.querySelector("table"), columns, rows);
  for (const row of place.querySelectorAll(`tbody tr:nth-child(-n + ${sums})`)) row.className = "sum";
  place.querySelector(".known").textContent = costsKnown(view.costs);
  const nothing = place.querySelector(".nothing");
  nothing.textContent = view.costs.orders ? costsUnknown(view) : nothingOf("costs", report, view);
  nothing.hidden = !nothing.textContent;
}

function showGaps() {
  const lines = gapLines(report, view);
  const shown = lines.slice(0, GAPS_SHOWN).map((line) => element("li", line));
  if (lines.length > GAPS_SHOWN) shown.push(element("li", `${lines.length - GAPS_SHOWN} more under Numbers`));
  if (!lines.length && view.coverage.length) shown.push(element("li", "No gap."));
  document.querySelector(".gaps").replaceChildren(...shown);
}

/** Draws one chart in the room it has, or says why there is none. */
function draw(name) {
  const section = document.getElementById(name);
  const place = section.querySelector(".chart");
  const look = lookNow();
  place.hidden = false;
  const isLong = name === "coverage" && view.states.size > LONG;
  section.classList.toggle("years", isLong);
  const width = look.printing ? PAPER[isLong ? "daily" : name] : place.clientWidth;
  const made = CHARTS[name](report, view, choice, look, width);
  place.hidden = !made;
  const nothing = section.querySelector(".nothing");
  nothing.hidden = Boolean(made);
  nothing.textContent = nothingOf(name, report, view);
  section.querySelector(".legend").hidden = !made;
  section.querySelector("details").hidden = !tables[name].gist;
  if (!made) {
    drawn.get(name)?.clear();
    return;
  }
  showLegend(section.querySelector(".legend"), made.legend ?? []);
  const height = look.printing ? Math.min(made.height, HIGHEST[name] ?? Infinity) : made.height;
  place.style.height = `${height}px`;
  place.setAttribute("aria-label", tables[name].gist);
  if (!drawn.has(name)) drawn.set(name, echarts.init(place, null, { renderer: "svg", width, height }));
  drawn.get(name).resize({ width, height });
  drawn.get(name).setOption(made.option, { notMerge: true });
}

function showLegend(list, names) {
  list.replaceChildren(...names.map(([name, colour, kind]) => {
    const swatch = element("span", null, `swatch ${kind ?? ""}`);
    swatch.style.setProperty("--swatch", colour);
    return element("li", [swatch, name]);
  }));
}

/** A table is made when somebody opens it. */
function showNumbers(name) {
  const details = document.querySelector(`#${name} details`);
  details.ontoggle = () => showNumbers(name);
  if (details.open) fill(details.querySelector("table"), tables[name].columns, tables[name].rows);
}

function fill(table, columns, rows, head = (column) => element("th", column.name)) {
  const heads = columns.map((column, place) => Object.assign(head(column, place), { scope: "col" }));
  heads.forEach((cell, place) => cell.classList.toggle("number", columns[place].numeric));
  const kind = ({ numeric, wraps }) => [numeric && "number", wraps && "wraps"].filter(Boolean).join(" ");
  const cells = (row) => row.map((content, place) => element("td", content, kind(columns[place])));
  table.replaceChildren(
    element("thead", element("tr", heads)),
    element("tbody", rows.map((row) => element("tr", cells(row)))),
  );
}

function showLargest() {
  const { columns, rows } = tables.largest;
  const table = document.querySelector("#largest table");
  fill(table, columns, sorted(rows, columns), (column, place) => {
    const button = element("button", column.name);
    button.type = "button";
    button.onclick = () => {
      sorting.descending = sorting.column === place ? !sorting.descending : column.numeric;
      sorting.column = place;
      showLargest();
      table.querySelectorAll("button")[place].focus();
    };
    const cell = element("th", button);
    if (sorting.column === place) cell.ariaSort = sorting.descending ? "descending" : "ascending";
    return cell;
  });
}

/** The rows by the chosen column, exactly; what is not known stands last. */
function sorted(rows, columns) {
  const { column, descending } = sorting;
  if (column === null) return rows;
  const bare = (row) => row[column].replaceAll(",", "");
  const order = columns[column].numeric ? compared : (one, other) => (one < other ? -1 : one > other ? 1 : 0);
  const known = rows.filter((row) => row[column] !== "–");
  known.sort((one, other) => (descending ? -1 : 1) * order(bare(one), bare(other)));
  return [...known, ...rows.filter((row) => row[column] === "–")];
}

function redraw() {
  for (const name of Object.keys(CHARTS)) draw(name);
}

/** Paper is light, has its own width and no use for what moves. */
function printing(begins) {
  document.documentElement.classList.toggle("printing", begins);
  redraw();
}

function begin() {
  const name = report.accounts.length === 1 ? "account" : "accounts";
  const accounts = report.accounts.length ? ` · ${name} ${report.accounts.join(", ")}` : "";
  document.querySelector(".span").textContent =
    `${toTheMinute(report.since)} to ${toTheMinute(report.until)} UTC${accounts}`
    + ` · created ${toTheMinute(report.generated_at)} UTC`
    + (report.time_zone === "UTC" ? "" : ` · days and hours are those of ${report.time_zone}`);
  document.title = `Force orders, ${report.since.slice(0, 10)} to ${report.until.slice(0, 10)}`;
  offer();
  chooseByAddress();
  show();
  document.forms[0].addEventListener("change", () => {
    rememberInAddress();
    show();
  });
  addEventListener("hashchange", () => {
    chooseByAddress();
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => printing(true));
  addEventListener("afterprint", () => printing(false));
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) requestAnimationFrame(redraw); // a phone's address bar changes the height only
    width = innerWidth;
  });
}

begin();
