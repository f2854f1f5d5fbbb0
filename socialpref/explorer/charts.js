// The charts, by Plotly. An option has the same colour everywhere: dark, middle, light.

const COLOURS = ["#1b3a5c", "#c77b30", "#c9ccd1"];
const INK = "#1c1e21";
const TEMPERATURES = Array.from({ length: 46 }, (_, i) => 0.5 + i / 10);

const axis = { fixedrange: true, zeroline: false, gridcolor: "#e6e8eb", linecolor: INK };
const base = {
  font: { family: "system-ui, -apple-system, Segoe UI, Arial, sans-serif", size: 13, color: INK },
  margin: { l: 40, r: 6, t: 8, b: 40 },
  showlegend: false,
  dragmode: false,
  hovermode: false,
  bargap: 0.35,
};
const SETTINGS = { displayModeBar: false, responsive: true };

function chart(id, traces, { xaxis, yaxis, ...layout }) {
  Plotly.react(
    id,
    traces,
    { ...base, ...layout, xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis } },
    SETTINGS,
  );
}

// Rounded first, so that what rounds to 0 has no sign.
const shown = (value, digits) => fixed(Number(value.toFixed(digits)) + 0, digits);

// The first of a few fixed ranges that holds all values: axes that follow every value would hide
// that the bars move.
const reach = (values, steps) => steps.find((step) => Math.max(...values.map(Math.abs)) <= step);

function bars(letters, values, { from = 0, marker } = {}) {
  return {
    type: "bar",
    x: letters,
    y: values.map((value) => value - from),
    base: from,
    marker: { color: COLOURS, line: { color: INK, width: 1 }, ...marker },
  };
}

// Under each option its values, where nothing can cover them.
const labelled = (letters, show) => ({
  tickangle: 0,
  tickvals: letters,
  ticktext: letters.map((letter, y) => `<b>${letter}</b><br>${show(y)}`),
});

const level = (value) => ({
  type: "line",
  xref: "paper",
  x0: 0,
  x1: 1,
  y0: value,
  y1: value,
  line: { color: INK, width: 1 },
});

function drawCharts(letters, state, { nbc: scores, means, dpo, optimum, flipNbc, P, sampling }) {
  const wide = 1.05 * reach(means, [1, 2, 5]);
  chart("chart-means", [bars(letters, means)], {
    xaxis: labelled(letters, (y) => shown(means[y], 2)),
    yaxis: { range: [Math.min(...means) < 0 ? -wide : 0, wide], nticks: 6 },
    shapes: [level(0)],
  });

  const gaps = [...scores, ...(flipNbc ?? [])].map((score) => score - 0.5);
  const high = 1.05 * reach(gaps, [0.02, 0.05, 0.1, 0.2, 0.5]);
  const atFlip = {
    type: "scatter",
    mode: "markers",
    x: letters,
    y: flipNbc ?? [],
    marker: { symbol: "diamond", size: 10, color: "white", line: { color: INK, width: 2 } },
    cliponaxis: false,
  };
  chart("chart-nbc", [bars(letters, scores, { from: 0.5 }), atFlip], {
    xaxis: labelled(letters, (y) => fixed(scores[y])),
    yaxis: { range: [0.5 - high, 0.5 + high], nticks: 6 },
    shapes: [level(0.5)],
  });

  const hatched = {
    color: "white",
    pattern: { shape: "/", fgcolor: COLOURS, fgopacity: 1, size: 7, solidity: 0.45 },
  };
  chart("chart-policies", [bars(letters, dpo), bars(letters, optimum, { marker: hatched })], {
    barmode: "group",
    margin: { ...base.margin, b: 58 },
    bargap: 0.2,
    xaxis: labelled(letters, (y) => `${fixed(dpo[y])}<br>${fixed(optimum[y])}`),
    yaxis: { range: [0, reach([...dpo, ...optimum], [0.5, 1])], nticks: 6 },
  });

  const w = normalized(state.shares);
  const curves = TEMPERATURES.map((t) => nbc(preferences(state.rewards, w, t), sampling));
  const dashes = ["solid", "dash", "dot"];
  chart(
    "chart-temperature",
    letters.map((letter, y) => ({
      type: "scatter",
      mode: "lines",
      x: TEMPERATURES,
      y: curves.map((curve) => curve[y]),
      line: { color: ["#1b3a5c", "#c77b30", "#8a8f97"][y], width: 3, dash: dashes[y] },
    })),
    {
      margin: { ...base.margin, r: 24, b: 58 },
      xaxis: {
        range: [0.5, 5],
        title: { text: "temperature", standoff: 4, font: { size: 13 } },
      },
      yaxis: { nticks: 5 },
      annotations: endLabels(letters, curves),
      shapes: [
        {
          type: "line",
          yref: "paper",
          y0: 0,
          y1: 1,
          x0: state.temperature,
          x1: state.temperature,
          line: { color: INK, width: 1.5, dash: "dashdot" },
        },
      ],
    },
  );
}

// Names at the right ends of the curves, apart even where the curves end together.
function endLabels(letters, curves) {
  const all = curves.flat();
  const apart = (Math.max(...all) - Math.min(...all)) / 8;
  const ends = curves.at(-1);
  let y = -Infinity;
  return [0, 1, 2]
    .sort((a, b) => ends[a] - ends[b])
    .map((option) => {
      y = Math.max(ends[option], y + apart);
      return { text: letters[option], x: 5, y, xanchor: "left", showarrow: false };
    });
}
