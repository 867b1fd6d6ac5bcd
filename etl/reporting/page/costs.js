// What orders cost, in words and as tables. Each asset by itself: nothing is converted, nothing of two assets added.

const HOW_TO_READ = "To read them: force-orders sync, or all that the exchange still keeps at once: "
  + "force-orders backfill --costs.";

/** A row for each asset, and below them one for each month and asset. */
function costsTable(report, view) {
  const amount = (units) => (units === null ? "–" : grouped(decimalOf(units, report.costScale)));
  const row = (first, { of, pnl, commission, fee, total }) => [first, of, ...[pnl, commission, fee, total].map(amount)];
  const { assets, months } = view.costs;
  return {
    columns: [
      text("Month"), text("Asset"), number("Realised"), number("Commission"), number("Clearance fee"), number("Total"),
    ],
    rows: [...assets.map((own) => row("all", own)), ...months.map((own) => row(own.month, own))],
    sums: assets.length,
  };
}

/** The total of the first asset, whose name stands elsewhere, and those of the others with theirs. */
function costsAtAGlance(report, { assets }) {
  const amounts = assets.map(({ total }) => grouped(glanced(total, report.costScale)));
  return amounts.map((amount, place) => (place ? `${amount} ${assets[place].of}` : amount));
}

/** Of how many orders the costs are known, and why not of the others. */
function costsKnown({ known, orders, reasons }) {
  if (!orders) return "";
  const why = reasons.map((reason) => `${many(reason.orders, "order")}: ${reason.because}`).join("; ");
  return `Known of ${grouped(known)} of ${many(orders, "order")}${why && ` (${why})`}.`;
}

/** What is missing, and how to read it; "" where nothing is. */
function costsUnknown({ costs }) {
  if (costs.known === costs.orders) return "";
  return `${costs.known ? "The costs of some orders are not known" : "No order's costs are known"}. ${HOW_TO_READ}`;
}
