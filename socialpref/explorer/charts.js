// Charts, as SVG. An option has the same colour and letter everywhere.

const SIZE = { width: 320, height: 190, left: 44, right: 8, top: 8, bottom: 40 };
const TEMPERATURES = Array.from({ length: 31 }, (_, i) => 0.5 + 0.15 * i);

// Rounded first, so that what rounds to 0 has no sign.
const shown = (value, digits) => fixed(Number(value.toFixed(digits)) + 0, digits);

// The first of a few fixed ranges that holds all values: axes that follow every value would hide
// that the bars move.
const reach = (values, steps) => steps.find((step) => largest(values) <= step) ?? steps.at(-1);

// Where values of a range are between two places of the drawing.
const scale = (low, high, from, to) => (value) =>
  from + ((value - low) / (high - low)) * (to - from);
const upright = (low, high) => scale(low, high, SIZE.height - SIZE.bottom, SIZE.top);

function grid(at, ticks, digits) {
  return ticks.flatMap((tick) => [
    svg("line", {
      class: "grid",
      x1: SIZE.left,
      x2: SIZE.width - SIZE.right,
      y1: at(tick),
      y2: at(tick),
    }),
    svg("text", { class: "tick", x: SIZE.left - 5, y: at(tick) + 4 }, shown(tick, digits)),
  ]);
}

function show(id, children) {
  const { width, height } = SIZE;
  document
    .getElementById(id)
    .replaceChildren(svg("svg", { viewBox: `0 0 ${width} ${height}` }, children));
}

// Bars from a level, under each its letter and value, and perhaps a ◇ for a second value.
function bars(id, letters, values, { low, high, from, ticks, digits, marks }) {
  const at = upright(low, high);
  const slot = (SIZE.width - SIZE.left - SIZE.right) / letters.length;
  const middle = (y) => SIZE.left + slot * (y + 0.5);
  const width = Math.min(44, 0.62 * slot);
  show(id, [
    ...grid(at, ticks, digits),
    ...values.flatMap((value, y) => [
      svg("rect", {
        class: `bar option-${y}`,
        x: middle(y) - width / 2,
        width,
        y: Math.min(at(value), at(from)),
        height: Math.abs(at(value) - at(from)),
      }),
      svg("text", { class: "letter", x: middle(y), y: SIZE.height - 22 }, letters[y]),
      svg(
        "text",
        { class: "value", x: middle(y), y: SIZE.height - 6 },
        shown(value, 3 - (low < 0)),
      ),
    ]),
    svg("line", {
      class: "level",
      x1: SIZE.left,
      x2: SIZE.width - SIZE.right,
      y1: at(from),
      y2: at(from),
    }),
    ...(marks ?? []).map((mark, y) =>
      svg("path", {
        class: "diamond",
        d: "M0-6L6 0 0 6-6 0Z",
        transform: `translate(${middle(y)} ${at(mark)})`,
      }),
    ),
  ]);
}

function drawCharts(letters, state, { nbc: scores, means, flip, flipNbc, shares, sampling }) {
  const wide = reach(means, [1, 2, 5]);
  const ticks = [-1, -0.5, 0, 0.5, 1].map((part) => part * wide);
  bars("chart-means", letters, means, {
    low: -1.05 * wide,
    high: 1.05 * wide,
    from: 0,
    ticks,
    digits: 1,
  });

  const gaps = [...scores, ...(flipNbc ?? [])].map((score) => score - 0.5);
  const high = reach(gaps, [0.02, 0.05, 0.1, 0.2, 0.5]);
  bars("chart-nbc", letters, scores, {
    low: 0.5 - 1.05 * high,
    high: 0.5 + 1.05 * high,
    from: 0.5,
    ticks: [-1, -0.5, 0, 0.5, 1].map((part) => 0.5 + part * high),
    digits: 3,
    marks: flipNbc,
  });
  drawTemperature(letters, state, shares, sampling);
}

// NBC at other temperatures.
function drawTemperature(letters, { rewards, temperature }, shares, sampling) {
  const curves = TEMPERATURES.map((t) => nbc(preferences(rewards, shares, t), sampling));
  const high = reach(
    curves.flat().map((score) => score - 0.5),
    [0.02, 0.05, 0.1, 0.2, 0.5],
  );
  const at = upright(0.5 - 1.05 * high, 0.5 + 1.05 * high);
  const along = scale(0.5, 5, SIZE.left, SIZE.width - SIZE.right - 22);
  const points = (y) => TEMPERATURES.map((t, i) => `${along(t)} ${at(curves[i][y])}`);
  show("chart-temperature", [
    ...grid(
      at,
      [-1, -0.5, 0, 0.5, 1].map((part) => 0.5 + part * high),
      3,
    ),
    ...[1, 2, 3, 4, 5].map((t) =>
      svg("text", { class: "value", x: along(t), y: SIZE.height - 22 }, `${t}`),
    ),
    svg("text", { class: "value", x: along(2.75), y: SIZE.height - 6 }, "temperature"),
    svg("line", {
      class: "now",
      x1: along(temperature),
      x2: along(temperature),
      y1: SIZE.top,
      y2: SIZE.height - SIZE.bottom,
    }),
    ...letters.map((_, y) =>
      svg("path", { class: `curve option-${y}`, d: `M${points(y).join("L")}` }),
    ),
    ...endLabels(letters, curves.at(-1), at),
  ]);
}

// Names at the right ends of the curves, apart even where the curves end together.
function endLabels(letters, ends, at) {
  let y = Infinity;
  const places = upTo(letters.length)
    .sort((a, b) => ends[a] - ends[b])
    .map((option) => [option, (y = Math.min(at(ends[option]), y - 13))]);
  // Where that goes beyond the top, all go down.
  const beyond = Math.max(0, SIZE.top + 4 - y);
  return places.map(([option, place]) =>
    svg(
      "text",
      { class: "end", x: SIZE.width - SIZE.right - 16, y: place + beyond + 4 },
      letters[option],
    ),
  );
}
