// The rows of the report out of their columns, as etl/reporting/packed_rows.py writes them.

function unpacked({ rows, columns }) {
  const values = columns.map((column) => valuesOf(column, rows));
  return Array.from({ length: rows }, (_, place) => values.map((column) => column[place]));
}

function valuesOf([way, ...parts], rows) {
  return {
    plain: ([values]) => values,
    runs: ([runs]) => runs.flatMap((value, place) => (place % 2 ? [] : Array(runs[place + 1]).fill(value))),
    names: ([names, places]) => places.map((place) => names[place]),
    words: ([words]) => words.split(" ").map((word) => word || null),
    instants: ([first, later]) => later.map((milliseconds) => new Date(first + milliseconds).toISOString()),
    objects: ([names, columns]) => {
      const values = columns.map((column) => valuesOf(column, rows));
      return Array.from({ length: rows }, (_, place) => {
        const known = names.map((name, at) => [name, values[at][place]]).filter(([, value]) => value !== null);
        return known.length ? Object.fromEntries(known) : null;
      });
    },
  }[way](parts);
}
