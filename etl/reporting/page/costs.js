// What orders cost, in words and as tables. Each asset by itself: nothing is converted, nothing of two assets added.

const HOW_TO_READ = "To read them: force-orders sync, or all that the exchange still keeps at once: "
  + "force-orders backfill --costs.";

/** `{totals, months}`: columns and rows, by asset and by month and asset. */
function costTables(report, view) {
  const amount = (units) => (units === null ? "–" : grouped(decimalOf(units, report.costScale)));
  const amounts = ({ pnl, commission, fee, total }) => [pnl, commission, fee, total].map(amount);
  const kinds = [number("Realised"), number("Commission"), number("Clearance fee"), number("Total")];
  return {
    totals: {
      columns: [text("Asset"), ...kinds],
      rows: view.costs.assets.map((row) => [row.of, ...amounts(row)]),
    },
    months: {
      columns: [text("Month"), text("Asset"), ...kinds],
      rows: view.costs.months.map((row) => [row.month, row.of, ...amounts(row)]),
    },
  };
}

/** The totals of each asset in one line, to the size of which a figure is read. */
function costsAtAGlance(report, { assets }) {
  return assets.map(({ of, total }) => `${grouped(glanced(total, report.costScale))} ${of}`);
}

/** Of how many orders the costs are known, and why not of the others. */
function costsKnown({ known, orders, reasons }) {
  if (!orders) return "";
  const why = reasons.map((reason) => `${many(reason.orders, "order")}: ${reason.because}`).join("; ");
  return `Known of ${grouped(known)} of ${many(orders, "order")}${why && ` (${why})`}.`;
}

/** What stands in place of the tables, or below them where something is missing; "" where nothing is. */
function costsUnknown({ costs }) {
  if (!costs.orders) return "No force order is stored for this choice.";
  if (costs.known === costs.orders) return costs.assets.length ? "" : "Nothing was booked: no order of this choice was filled.";
  return `${costs.known || costs.assets.length ? "Not all costs are read" : "No cost of these orders is read"}. ${HOW_TO_READ}`;
}
