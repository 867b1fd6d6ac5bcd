// Exact numbers, and days of UTC as texts: nothing here knows what is reported.

const DAY = 86_400_000;

/** How many digits the most precise of these decimals has after its point. */
function scaleOf(decimals) {
  return decimals.reduce((most, decimal) => Math.max(most, (decimal.split(".")[1] ?? "").length), 0);
}

/** A decimal as a whole number of units of its last digit: a float would round. */
function unitsOf(decimal, scale) {
  const [whole, fraction = ""] = decimal.split(".");
  return BigInt(whole + fraction.padEnd(scale, "0"));
}

/** The decimal of so many units, every digit of it, without zeros at its end. */
function decimalOf(units, scale) {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, "0");
  const point = digits.length - scale;
  const fraction = digits.slice(point).replace(/0+$/, "");
  return (units < 0n ? "-" : "") + digits.slice(0, point) + (fraction && `.${fraction}`);
}

/** A decimal without zeros at its end. */
function trimmed(decimal) {
  return decimal.includes(".") ? decimal.replace(/\.?0+$/, "") : decimal;
}

/** Four digits or more in whole units, less in full: what a figure needs to be read at a glance. */
function glanced(units, scale) {
  const one = 10n ** BigInt(scale);
  const size = units < 0n ? -units : units;
  return size < 1000n * one ? decimalOf(units, scale) : String((units < 0n ? -1n : 1n) * ((size + one / 2n) / one));
}

/** Near enough to draw. */
function roughly(units, scale) {
  return Number(units) / 10 ** scale;
}

/** Below, at or above 0, as the first of two decimals is smaller, equal or greater. */
function compared(one, other) {
  const scale = scaleOf([one, other]);
  const difference = unitsOf(one, scale) - unitsOf(other, scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** A number with commas between its thousands. */
function grouped(number) {
  const [whole, fraction] = String(number).split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (fraction === undefined ? "" : `.${fraction}`);
}

/** A number for an axis: 1.2M. */
function short(number) {
  return Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 }).format(number);
}

/** A share of a whole number, `12.3 %`; a dash where there is no whole. */
function percent(part, whole) {
  return whole ? `${((100 * part) / whole).toFixed(1)} %` : "–";
}

/** A number and its noun. */
function many(count, noun) {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** For people: the two greatest units of so many seconds. */
function duration(seconds) {
  const parts = [];
  let left = Math.round(seconds);
  for (const [name, size] of [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]]) {
    if (left >= size) parts.push(`${Math.floor(left / size)} ${name}`);
    else if (parts.length) break;
    left %= size;
  }
  return parts.slice(0, 2).join(" ") || `${Number(seconds)} s`;
}

/** The time without its letters: `2026-09-01 02:03:04.567`. */
function spaced(time) {
  return time.replace("T", " ").replace("Z", "");
}

/** The same to the minute. */
function toTheMinute(time) {
  return spaced(time).slice(0, 16);
}

function dayOf(instant) {
  return new Date(instant).toISOString().slice(0, 10);
}

/** Every day from the first to the last. */
function daysBetween(first, last) {
  const days = [];
  for (let instant = Date.parse(first); instant <= Date.parse(last); instant += DAY) days.push(dayOf(instant));
  return days;
}

/** The rows by what `key` says of them, in the order of their first. */
function groupedBy(rows, key) {
  const groups = new Map();
  for (const row of rows) {
    const name = key(row);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(row);
  }
  return groups;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
