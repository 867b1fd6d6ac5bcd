// The calendar of coverage: as many weeks in a row as fit, and as many rows as there are weeks.

const NEAR = 30; // days until a loss that a cell counts down
const LABELS = 34;

function calendarChart(report, view, choice, look, width) {
  if (!view.states.size) return null;
  const days = [...view.states.keys()].sort();
  const weeks = Math.ceil((Date.parse(days.at(-1)) - mondayOf(days[0]) + DAY) / (7 * DAY));
  const room = width - LABELS - 4;
  const cell = Math.max(13, Math.min(26, Math.floor(room / weeks)));
  const stripes = stripesOf(days, Math.max(1, Math.floor(room / cell)));
  const height = 7 * cell + 32;
  const next = Math.min(...[...view.states.values()].map(({ state, daysLeft }) =>
    (daysLeft === null || state === "unread" ? Infinity : daysLeft)));
  const hint = ({ value: [day] }) => {
    const { rows } = view.states.get(day);
    return [day, rows.flatMap((row) => [
      [walletName(report, row), STATE_NAMES[row.state]],
      ...(row.reasons === null ? [] : [["because", row.reasons]]),
      ...(row.daysLeft === null ? [] : [["days until lost", String(row.daysLeft)]]),
      ["orders", grouped(row.orders)],
    ])];
  };
  const states = STATES.filter((state) => [...view.states.values()].some((day) => day.state === state));
  return {
    height: stripes.length * height,
    legend: states.map((state) => [STATE_NAMES[state], look.colour(`day-${state}`)]),
    option: {
      ...chartBase(look, hint),
      visualMap: {
        type: "piecewise",
        show: false,
        dimension: 1,
        pieces: states.map((state) => ({ value: STATES.indexOf(state), color: look.colour(`day-${state}`) })),
      },
      calendar: stripes.map(([first, last], place) => ({
        top: 24 + place * height,
        left: LABELS,
        cellSize: [cell, cell],
        range: [first, last],
        splitLine: { show: false },
        itemStyle: { color: "transparent", borderWidth: 0 },
        yearLabel: { show: false },
        dayLabel: {
          firstDay: 1, color: look.colour("quiet"), fontSize: 10, nameMap: ["", "Mon", "", "Wed", "", "Fri", ""],
        },
        monthLabel: { color: look.colour("quiet"), fontSize: 11, formatter: monthName },
      })),
      series: stripes.map(([first, last], place) => ({
        type: "heatmap",
        coordinateSystem: "calendar",
        calendarIndex: place,
        data: days
          .filter((day) => day >= first && day <= last)
          .map((day) => cellOf(day, view.states.get(day), next, look)),
      })),
    },
  };
}

function cellOf(day, { state, daysLeft }, next, look) {
  const bordered = { borderColor: look.colour("card"), borderWidth: 2, borderRadius: 4 };
  const decals = {
    not: hatch(look.colour("dayline"), Math.PI / 4),
    never: hatch(look.colour("dayline"), 0),
    lost: hatch(look.colour("dayline"), -Math.PI / 4),
  };
  const isNext = daysLeft !== null && daysLeft === next && state !== "unread";
  return {
    value: [day, STATES.indexOf(state)],
    itemStyle: { ...bordered, ...(isNext ? { borderColor: look.colour("ink") } : {}), decal: decals[state] },
    label: {
      show: daysLeft !== null && daysLeft <= NEAR,
      formatter: String(daysLeft),
      color: look.colour("dayink"),
      fontSize: 10,
      fontWeight: "bold",
      textBorderColor: look.colour(`day-${state}`), // over the hatch
      textBorderWidth: 4,
    },
  };
}

/** The first and last day of each row of the calendar; a row begins on a Monday but for the first. */
function stripesOf(days, weeks) {
  const [first, last] = [days[0], days.at(-1)];
  const stripes = [];
  for (let monday = mondayOf(first); monday <= Date.parse(last); monday += weeks * 7 * DAY) {
    const end = dayOf(monday + (weeks * 7 - 1) * DAY);
    stripes.push([stripes.length ? dayOf(monday) : first, end < last ? end : last]);
  }
  return stripes;
}

function mondayOf(day) {
  const instant = Date.parse(day);
  return instant - ((new Date(instant).getUTCDay() + 6) % 7) * DAY;
}

function monthName({ M: month, nameMap: name, yyyy: year }) {
  return Number(month) === 1 ? `${name} ${year}` : name;
}
