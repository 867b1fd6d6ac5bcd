// How charts look: colours out of the style sheet, and what all of them share.

const TYPE_COLOURS = { LIQUIDATION: "liquidation", ADL: "adl", SETTLEMENT: "settlement" };

/** The colours and the font in force, and whether it is for paper. */
function lookNow() {
  const style = getComputedStyle(document.documentElement);
  return {
    colour: (name) => style.getPropertyValue(`--${name}`).trim(),
    ofType: (type) => style.getPropertyValue(`--${TYPE_COLOURS[type] ?? "unknown"}`).trim(),
    font: getComputedStyle(document.body).fontFamily,
    printing: document.documentElement.classList.contains("printing"),
  };
}

/** What every chart begins with; `hint` makes the texts of its tooltip: a title and pairs of name and value. */
function chartBase(look, hint) {
  return {
    animation: false, // nothing moves: a picture or a print of the page is never caught half way
    textStyle: { fontFamily: look.font, color: look.colour("quiet"), fontSize: 12 },
    grid: { left: 4, right: 20, top: 12, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "all" },
    tooltip: {
      confine: true,
      backgroundColor: look.colour("card"),
      borderColor: look.colour("line"),
      textStyle: { color: look.colour("ink"), fontFamily: look.font, fontSize: 13 },
      formatter: (point) => tooltip(...hint(point)),
    },
  };
}

/** The one place where texts become HTML: names come from outside. */
function tooltip(title, pairs) {
  const line = ([name, value]) => `<span class="tip"><span>${escaped(name)}</span><b>${escaped(value)}</b></span>`;
  return `<b>${escaped(title)}</b>${pairs.map(line).join("")}`;
}

function escaped(anything) {
  const signs = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return String(anything).replace(/[&<>"']/g, (sign) => signs[sign]);
}

function categoryAxis(look, more) {
  return {
    type: "category",
    axisTick: { show: false },
    axisLine: { lineStyle: { color: look.colour("line") } },
    axisLabel: { color: look.colour("quiet"), hideOverlap: true },
    ...more,
  };
}

function valueAxis(look, more) {
  return {
    type: "value",
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: { color: look.colour("quiet"), formatter: short, hideOverlap: true },
    splitLine: { lineStyle: { color: look.colour("line") } },
    splitNumber: 4,
    ...more,
  };
}

/** Lines over a colour, so that it can be told from others without seeing colours. */
function hatch(colour, rotation) {
  return { symbol: "rect", rotation, dashArrayX: [1, 0], dashArrayY: [1.5, 4], color: colour };
}
