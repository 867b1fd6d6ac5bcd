// The numbers as charts: `{height, legend, option}`, which are pixels, the names of the colours and what ECharts takes;
// null where there is nothing to draw.

const SYMBOL_BARS = 15;

function dailyChart(report, view, choice, look, width) {
  if (!view.total.orders) return null;
  const days = view.days.map(({ day }) => day);
  const asset = assetName(report, choice.asset);
  const types = report.close_types
    .map((name, index) => ({ name, index }))
    .filter(({ index }) => view.total.byType[index].orders);
  const bars = types.map(({ name, index }) => ({
    name,
    type: "bar",
    stack: "notional",
    barMaxWidth: 28,
    barCategoryGap: days.length > width / 5 ? "0%" : "25%", // gaps of less than a pixel make a pattern of their own
    itemStyle: { color: look.ofType(name) },
    data: days.map((day) => roughly(view.tallies.get(day)?.byType[index].units ?? 0n, report.scale)),
  }));
  const unproven = {
    name: "not proven",
    type: "bar",
    xAxisIndex: 1,
    yAxisIndex: 1,
    barCategoryGap: "0%",
    z: 1,
    silent: true,
    itemStyle: { color: look.colour("band"), decal: hatch(look.colour("bandline"), Math.PI / 4) },
    data: view.days.map(({ state }) => (state === "proven" ? null : 1)),
  };
  const hint = (points) => {
    const { day, state } = view.days[points[0].dataIndex];
    const tally = view.tallies.get(day);
    const units = (index) => decimalOf(tally?.byType[index].units ?? 0n, report.scale);
    const ofTypes = types.map(({ name, index }) => [name, `${grouped(units(index))} ${asset}`]);
    return [day, [...ofTypes, ["orders", grouped(tally?.orders ?? 0)], ["coverage", STATE_NAMES[state]]]];
  };
  const base = chartBase(look, hint);
  const zooms = days.length > 200 && !look.printing;
  return {
    height: zooms ? 340 : look.printing ? 210 : 300,
    legend: [
      ...types.map(({ name }) => [name, look.ofType(name)]),
      ...(unproven.data.includes(1) ? [["not proven", look.colour("bandline"), "hatched"]] : []),
    ],
    option: {
      ...base,
      grid: { ...base.grid, bottom: zooms ? 48 : 4 },
      tooltip: { ...base.tooltip, trigger: "axis", axisPointer: { type: "shadow" } },
      xAxis: [categoryAxis(look, { data: days }), categoryAxis(look, { data: days, show: false })],
      yAxis: [valueAxis(look), { type: "value", min: 0, max: 1, show: false }],
      dataZoom: zooms ? [{ type: "slider", xAxisIndex: [0, 1], height: 24, bottom: 4 }] : [],
      series: [...bars, unproven],
    },
  };
}

function symbolsChart(report, view, choice, look, width) {
  const shown = view.symbols.slice(0, SYMBOL_BARS);
  if (!shown.length) return null;
  const asset = assetName(report, choice.asset);
  const types = report.close_types
    .map((name, index) => ({ name, index }))
    .filter(({ index }) => shown.some(({ byType }) => byType[index].orders));
  const hint = (points) => {
    const { orders, units } = shown[points[0].dataIndex];
    return [symbolName(report, shown[points[0].dataIndex]), [
      ["notional", `${grouped(decimalOf(units, report.scale))} ${asset}`],
      ["orders", grouped(orders)],
    ]];
  };
  const base = chartBase(look, hint);
  return {
    height: Math.max(240, 32 + 28 * shown.length),
    legend: types.map(({ name }) => [name, look.ofType(name)]),
    option: {
      ...base,
      tooltip: { ...base.tooltip, trigger: "axis", axisPointer: { type: "shadow" } },
      xAxis: valueAxis(look),
      yAxis: categoryAxis(look, {
        inverse: true,
        data: shown.map((_, place) => place),
        axisLabel: {
          color: look.colour("ink"),
          width: Math.min(160, width / (look.printing ? 2.4 : 3)),
          overflow: "truncate",
          interval: 0,
          formatter: (place) => symbolName(report, shown[place]),
        },
      }),
      series: types.map(({ name, index }) => ({
        name,
        type: "bar",
        stack: "notional",
        barMaxWidth: 24,
        itemStyle: { color: look.ofType(name) },
        data: shown.map(({ byType }) => roughly(byType[index].units, report.scale)),
      })),
    },
  };
}

function improvementChart(report, view, choice, look) {
  if (!view.bins.length) return null;
  const bars = barsOf(view.bins, report.improvements.bin_bps);
  const all = sum(bars.map((bar) => bar.orders));
  const span = ({ from, to, open }) =>
    ({ below: `below ${to} bps`, above: `${from} bps and above` })[open] ?? `${from} to below ${to} bps`;
  const hint = ({ dataIndex }) => {
    const bar = bars[dataIndex];
    return [span(bar), [["orders", grouped(bar.orders)], ["share", percent(bar.orders, all)]]];
  };
  const base = chartBase(look, hint);
  return {
    height: 300,
    legend: [
      ...(bars.at(-1).from >= 0 ? [["at the order's price or better", look.colour("better")]] : []),
      ...(bars[0].from < 0 ? [["worse than the order's price", look.colour("worse")]] : []),
    ],
    option: {
      ...base,
      xAxis: categoryAxis(look, {
        data: bars.map(({ from, to, open }) => ({ below: `<${to}`, above: `≥${from}` })[open] ?? `${from}`),
        name: "← worse · basis points · better →",
        nameLocation: "middle",
        nameGap: 28,
        nameTextStyle: { color: look.colour("quiet") },
      }),
      yAxis: valueAxis(look, { minInterval: 1 }),
      series: [{
        type: "bar",
        barCategoryGap: "12%",
        barMaxWidth: 40,
        data: bars.map(({ from, orders }) => ({
          value: orders,
          itemStyle: { color: look.colour(from < 0 ? "worse" : "better") },
        })),
      }],
    },
  };
}

function cascadesChart(report, view, choice, look, width) {
  if (!view.cascades.length) return null;
  const asset = choice.asset === -1 ? "unknown" : report.quote_assets[choice.asset];
  const notional = ({ amounts }) => Math.abs(Number(amounts[asset] ?? 0));
  const began = Date.parse(view.days[0]?.day ?? dayOf(view.cascades[0].startedAt));
  const days = Math.max(1, view.days.length);
  const greatest = Math.max(...view.cascades.map(notional)) || 1;
  const hint = ({ dataIndex }) => {
    const cascade = view.cascades[dataIndex];
    return [`${spaced(cascade.startedAt)} UTC`, [
      ...(report.accounts.length > 1 ? [["account", report.accounts[cascade.account]]] : []),
      ...ofMarket(report, ["market", report.markets[cascade.market]]),
      ["orders", grouped(cascade.orders)],
      ["symbols", grouped(cascade.symbols)],
      ["notional", amountsOf(cascade.amounts)],
      ["from first to last", duration(cascade.seconds)],
      ["peak per second", grouped(cascade.peak)],
    ]];
  };
  const base = chartBase(look, hint);
  return {
    height: 320,
    option: {
      ...base,
      grid: { ...base.grid, top: 28 },
      xAxis: {
        type: "value",
        min: began,
        max: began + days * DAY,
        interval: Math.ceil((days * 120) / width) * DAY,
        axisLine: { lineStyle: { color: look.colour("line") } },
        axisTick: { show: false },
        axisLabel: {
          color: look.colour("quiet"), hideOverlap: true, showMaxLabel: false, margin: 14, formatter: dayOf,
        },
        splitLine: { show: false },
      },
      yAxis: valueAxis(look, { name: "orders", nameTextStyle: { align: "left" }, minInterval: 1, min: 0 }),
      series: [{
        type: "scatter",
        itemStyle: { color: look.colour("bubble"), opacity: 0.45, borderColor: look.colour("bubble"), borderWidth: 1 },
        data: view.cascades.map((cascade) => ({
          value: [Date.parse(cascade.startedAt), cascade.orders],
          symbolSize: 6 + 34 * Math.sqrt(notional(cascade) / greatest), // its area says the notional
        })),
      }],
    },
  };
}

function hoursChart(report, view, choice, look, width) {
  const most = Math.max(...view.hours.flat());
  if (!most) return null;
  const hint = ({ value: [hour, weekday, orders] }) =>
    [`${WEEKDAYS[weekday]}, ${hour}:00 to ${hour + 1}:00 ${report.time_zone}`, [["orders", grouped(orders)]]];
  const base = chartBase(look, hint);
  return {
    height: 320,
    option: {
      ...base,
      grid: { ...base.grid, bottom: 56 },
      xAxis: categoryAxis(look, {
        data: Array.from({ length: 24 }, (_, hour) => hour),
        axisLabel: { color: look.colour("quiet"), interval: width < 420 ? 5 : 2, formatter: (hour) => `${hour}:00` },
        axisLine: { show: false },
      }),
      yAxis: categoryAxis(look, {
        data: WEEKDAYS.map((day) => day.slice(0, 3)),
        inverse: true,
        axisLine: { show: false },
      }),
      visualMap: {
        min: 0,
        max: most,
        calculable: false,
        orient: "horizontal",
        left: 0,
        bottom: 0,
        itemWidth: 12,
        itemHeight: 160,
        text: [grouped(most), "0"],
        textStyle: { color: look.colour("quiet") },
        inRange: { color: [0, 1, 2, 3, 4].map((step) => look.colour(`heat-${step}`)) },
      },
      series: [{
        type: "heatmap",
        itemStyle: { borderColor: look.colour("card"), borderWidth: 2, borderRadius: 3 },
        data: view.hours.flatMap((hours, weekday) => hours.map((orders, hour) => [hour, weekday, orders])),
      }],
    },
  };
}
