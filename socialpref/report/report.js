// The page: the figure, the table, and opening a question. Every number and sentence comes from the
// block of JSON in this page; the scripts decide only where to draw it.

const report = JSON.parse(document.getElementById("data").textContent);
const questions = report.questions;
const byKey = new Map(questions.map((question) => [question.key, question]));
const resampled = report.level !== null;

// --- Distributions of the flip distance -------------------------------------------

const KINDS = ["by what is compared", "by who counts"];

function drawCurves() {
  const place = document.getElementById("cdf");
  place.replaceChildren(...report.curves.map((part) => curvesOf(part, place.clientWidth)));
}

function curvesOf({ name, examined, distances, bands, words }, room) {
  const caption = html(
    "figcaption",
    {},
    words.map((text) => html("p", {}, text)),
    resampled &&
      bands[0] &&
      html("p", {}, `Shaded: ${percent(report.level, 0)} intervals over the replicates.`),
  );
  const title = name && html("h3", {}, name[0].toUpperCase() + name.slice(1));
  if (!distances.flat().length) return html("figure", { class: "curves" }, title, caption);
  const width = Math.min(room, room > 830 ? 700 : 760);
  const height = Math.max(240, Math.min(340, width * 0.55));
  const [left, right, top, bottom] = [50, 14, 12, 46];
  const x = (value) => left + value * (width - left - right);
  const y = (number) => height - bottom - (number / examined) * (height - top - bottom);
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1];
  const steps = (values) => values.map((d, i) => `H${x(d)}V${y(i + 1)}`).join("");
  const area = ([low, high]) =>
    high.map((n, i) => `${i ? "L" : "M"}${x(i / (high.length - 1))} ${y(n)}`).join("") +
    low.map((n, i) => `L${x(i / (low.length - 1))} ${y(n)}`).reverse().join("") + "Z";
  const drawing = svg(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words.join(" ") },
    ticks.map((t) => [
      svg("line", { class: "grid", x1: x(t), x2: x(t), y1: y(0), y2: y(examined) }),
      svg("line", { class: "grid", x1: x(0), x2: x(1), y1: y(t * examined), y2: y(t * examined) }),
      svg("text", { x: x(t), y: y(0) + 18, "text-anchor": "middle" }, t.toFixed(1)),
      svg("text", { x: left - 7, y: y(t * examined) + 4, "text-anchor": "end" }, percent(t, 0)),
    ]),
    bands.map((band, k) => band && svg("path", { class: `band kind${k}`, d: area(band) })),
    distances.map((values, k) =>
      svg("path", { class: `curve kind${k}`, d: `M${x(0)} ${y(0)}${steps(values)}H${x(1)}` }),
    ),
    svg("path", { class: "axis", fill: "none", d: `M${x(0)} ${y(examined)}V${y(0)}H${x(1)}` }),
    svg(
      "text",
      { x: x(0.5), y: height - 6, "text-anchor": "middle" },
      "distance (total variation)",
    ),
  );
  const line = (k) =>
    svg(
      "svg",
      { width: 30, height: 10, "aria-hidden": "true" },
      svg("path", { class: `curve kind${k}`, d: "M0 5H30" }),
    );
  return html(
    "figure",
    { class: "curves" },
    title,
    html(
      "p",
      { class: "quiet" },
      `Share of all ${examined} examined questions whose ranking changes within a distance.`,
    ),
    html("ul", { class: "legend" }, KINDS.map((kind, k) => html("li", {}, line(k), kind))),
    html("div", { class: "beside" }, drawing, caption),
    pngButton("flip_distances.png", () => drawing),
  );
}

// --- What was varied -----------------------------------------------------------------

function drawDots() {
  for (const figure of document.querySelectorAll("figure.dots")) {
    const table = report.sensitivity[figure.dataset.aspect];
    const narrow = figure.clientWidth < 560;
    const drawings = [
      ["n_flippable", "n_share_flippable", "rankings that can be flipped", (v) => whole(v)],
      ["median_distance", "median_share_distance", "median distance among them", fixed],
    ].map((panel) => dots(table, panel, Math.min(540, figure.clientWidth / (narrow ? 1 : 2) - 10)));
    figure.replaceChildren(
      html("ul", { class: "legend" }, KINDS.map((kind, k) => html("li", {}, dot(k), kind))),
      html("div", { class: "panels" }, drawings),
    );
  }
}

const mark = (k, x, y) =>
  k
    ? svg("path", { class: "dot kind1", d: `M${x} ${y - 6}l6 6l-6 6l-6 -6z` })
    : svg("circle", { class: "dot kind0", cx: x, cy: y, r: 5 });
const dot = (k) => svg("svg", { width: 16, height: 16, "aria-hidden": "true" }, mark(k, 8, 8));

function dots(table, [first, second, title, show], width) {
  const [left, right, row] = [150, 46, 24];
  const height = 34 + row * table.length;
  const values = table.flatMap((line) => [line[first], line[second]]).filter((v) => !missing(v));
  const most = Math.max(...values, 1e-9);
  const x = (value) => left + 30 + (value / most) * (width - left - right - 30);
  return svg(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title },
    svg("text", { class: "corner", x: 0, y: 14 }, title),
    table.map((line, i) => {
      const y = 34 + row * i;
      const pair = [line[first], line[second]];
      // The smaller number stands to the left of its mark, the larger to the right.
      const lower = missing(pair[1]) || pair[0] <= pair[1] ? 0 : 1;
      return [
        svg("line", { class: "grid", x1: left, x2: width, y1: y, y2: y }),
        svg(
          "text",
          { class: line.is_reference ? "corner" : "", x: left - 8, y: y + 4, "text-anchor": "end" },
          line.setting,
        ),
        pair.map((value, k) =>
          missing(value)
            ? null
            : [
                mark(k, x(value), y),
                svg(
                  "text",
                  {
                    x: x(value) + (k === lower ? -9 : 9),
                    y: y + 4,
                    "text-anchor": k === lower ? "end" : "start",
                  },
                  show(value),
                ),
              ],
        ),
      ];
    }),
  );
}

// --- Table of questions --------------------------------------------------------------

const distance = (flip) => (flip?.status === "never" ? Infinity : (flip?.distance ?? null));
const distanceText = (flip) =>
  flip?.status === "flips" ? fixed(flip.distance) : (flip?.status ?? "not examined");
const overtaking = ({ options, reason, finding }) => {
  if (!finding) return reason;
  const { pair, neighbours } = finding.flip;
  if (missing(pair)) return "";
  return `${options[pair[1]]} over ${options[pair[0]]}${neighbours ? " (neighbours)" : ""}`;
};
const marksOf = ({ scale, small }) =>
  [scale ? "scale" : "no scale", small.length > 0 && "small groups"].filter(Boolean);
const agree = ({ finding }) =>
  finding && JSON.stringify(finding.order) === JSON.stringify(finding.reward_order);
const link = (question, ...content) =>
  html("a", { href: `#q=${encodeURIComponent(question.key)}` }, ...content);

const columns = [
  {
    title: "Question",
    value: (q) => q.key.toLowerCase(),
    cell: (q) => [
      link(q, q.key),
      marksOf(q).map((text) => [" ", html("span", { class: "tag" }, text)]),
      html("span", { class: "clamped" }, q.text),
      html("span", { class: "below narrow" }, overtaking(q)),
    ],
  },
  {
    title: "Options",
    wide: true,
    number: true,
    value: (q) => q.options.length,
    cell: (q) => `${q.options.length}`,
  },
  {
    title: "Respondents",
    wide: true,
    number: true,
    value: (q) => q.respondents,
    cell: (q) => whole(q.respondents),
  },
  {
    title: "Flip distance",
    number: true,
    value: (q) => distance(q.finding?.flip),
    cell: (q) => [
      distanceText(q.finding?.flip),
      q.finding?.flip.status === "flips" &&
        html("span", { class: "below" }, between(q.finding.error?.flip_interval)),
    ],
  },
  {
    title: "By who counts",
    number: true,
    value: (q) => distance(q.finding?.share_flip),
    cell: (q) => [
      q.finding ? distanceText(q.finding.share_flip) : "–",
      q.finding?.share_flip.status === "flips" &&
        html("span", { class: "below" }, between(q.finding.error?.share_flip_interval)),
    ],
  },
  resampled && {
    title: "Replicates that flip",
    wide: true,
    number: true,
    first: -1,
    value: (q) => q.finding?.error?.flip_share,
    cell: (q) => percent(q.finding?.error?.flip_share, 0),
  },
  {
    title: "Winner's distance",
    wide: true,
    number: true,
    value: (q) => distance(q.finding?.winner_flip),
    cell: (q) => (q.finding ? distanceText(q.finding.winner_flip) : "–"),
  },
  {
    title: "Average reward agrees",
    wide: true,
    value: (q) => (q.finding ? Number(agree(q)) : null),
    cell: (q) => (q.finding ? (agree(q) ? "yes" : "no") : "–"),
  },
  {
    title: "What overtakes what",
    wide: true,
    value: (q) => overtaking(q).toLowerCase() || null,
    cell: (q) => html("span", { class: "clamped" }, overtaking(q)),
  },
].filter(Boolean);
const byDistance = columns.find((column) => column.title === "Flip distance");

const choices = {
  "all questions": () => true,
  "ranking can be flipped": (q) => q.finding?.flip.status === "flips",
  "winner can be overtaken": (q) => q.finding?.winner_flip.status === "flips",
  "flipped by who counts": (q) => q.finding?.share_flip.status === "flips",
  "no swap of neighbours": (q) => q.finding?.flip.status === "flips" && !q.finding.flip.neighbours,
  "average reward disagrees": (q) => q.finding && !agree(q),
  "not examined": (q) => !q.finding,
};
for (const { name } of report.curves) if (name) choices[name] = (q) => q.part === name;

const rows = new Map();
const texts = new Map();
const sorting = { column: byDistance, direction: 1 };
let shown = [];

function compare(a, b, { value }, direction) {
  const [first, second] = [value(a), value(b)];
  if (missing(first) || missing(second)) return missing(first) - missing(second); // always last
  if (first === second) return 0;
  return (
    direction *
    (typeof first === "string"
      ? first.localeCompare(second, "en", { numeric: true })
      : first - second)
  );
}
// Among equals the more fragile first: nearer to a flip, then with more replicates that flip.
const fragility = (a, b) =>
  !a.finding - !b.finding ||
  compare(a, b, byDistance, 1) ||
  (b.finding?.error?.flip_share ?? 0) - (a.finding?.error?.flip_share ?? 0);
const inOrder = (a, b) => compare(a, b, sorting.column, sorting.direction) || fragility(a, b);

function drawTable() {
  const heads = columns.map((column) =>
    html(
      "th",
      { scope: "col", class: `${column.wide ? "wide" : ""} ${column.number ? "number" : ""}` },
      html("button", { type: "button", onclick: () => sortBy(column) }, column.title),
    ),
  );
  columns.forEach((column, i) => (column.head = heads[i]));
  for (const question of questions) {
    const cells = columns.map((column) =>
      html(
        "td",
        { class: `${column.wide ? "wide" : ""} ${column.number ? "number" : ""}` },
        column.cell(question),
      ),
    );
    rows.set(question, html("tr", {}, cells));
    const { key, text, grouping, source, options } = question;
    texts.set(question, [key, text, grouping, source, ...options].join("\n").toLowerCase());
  }
  document
    .getElementById("questions")
    .append(html("thead", {}, html("tr", {}, heads)), html("tbody"));
  document
    .getElementById("show")
    .append(...Object.keys(choices).map((name) => html("option", {}, name)));
  document.getElementById("controls").addEventListener("input", fillTable);
  document.getElementById("csv").addEventListener("click", saveShown);
  document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());
  fillTable();
}

function sortBy(column) {
  sorting.direction = sorting.column === column ? -sorting.direction : (column.first ?? 1);
  sorting.column = column;
  fillTable();
}

function fillTable() {
  const wanted = document.getElementById("filter").value.toLowerCase().split(/\s+/);
  const chosen = choices[document.getElementById("show").value];
  shown = questions
    .filter((q) => chosen(q) && wanted.every((word) => texts.get(q).includes(word)))
    .sort(inOrder);
  document.querySelector("#questions tbody").replaceChildren(...shown.map((q) => rows.get(q)));
  document.getElementById("count").textContent = `${shown.length} of ${questions.length} questions`;
  for (const column of columns) {
    if (column !== sorting.column) column.head.removeAttribute("aria-sort");
    else column.head.setAttribute("aria-sort", sorting.direction > 0 ? "ascending" : "descending");
  }
}

const number = (flip) =>
  missing(flip) ? null : flip.status === "never" ? "inf" : flip.distance;
function saveShown() {
  const heads = ["question", "text", "part", "groups by", "options", "respondents", "scale",
    "flip_distance", "flip_low", "flip_high", "flip_share", "overtakes", "winner_flip_distance",
    "share_flip_distance", "share_flip_low", "share_flip_high", "reason"];
  const ends = (interval) =>
    interval ? [interval[0] ?? "inf", interval[1] ?? "inf"] : [null, null];
  const rows = shown.map((q) => {
    const found = q.finding;
    const error = found?.error;
    return [
      q.key, q.text, q.part, q.grouping, q.options.length, q.respondents, q.scale,
      number(found?.flip), ...ends(error?.flip_interval), error?.flip_share,
      found ? overtaking(q) : "", number(found?.winner_flip),
      number(found?.share_flip), ...ends(error?.share_flip_interval), q.reason,
    ];
  });
  saveCsv("questions.csv", [heads, ...rows]);
}

// --- Opening and closing: the address names the question -----------------------------------

const dialog = document.getElementById("detail");

function follow() {
  let key = null;
  try {
    key = location.hash.startsWith("#q=") ? decodeURIComponent(location.hash.slice(3)) : null;
  } catch {
    // Not an address of this report.
  }
  const question = byKey.get(key);
  if (!question) {
    dialog.close();
    return;
  }
  const place = shown.indexOf(question);
  const beside = (step, text) => {
    const other = place < 0 ? undefined : shown[place + step];
    return other ? link(other, text) : null;
  };
  dialog.replaceChildren(
    html(
      "nav",
      { "aria-label": "Questions" },
      beside(-1, "← Previous"),
      beside(1, "Next →"),
      html("button", { type: "button", onclick: () => dialog.close() }, "Close"),
    ),
    article(question),
  );
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  document.getElementById("detail-title").focus({ preventScroll: true });
}

dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener(
  "close",
  () => location.hash.startsWith("#q=") && history.replaceState(null, "", "#"),
);
addEventListener("hashchange", follow);
const drawFigures = () => (drawCurves(), drawDots());
addEventListener("resize", drawFigures);

drawFigures();
drawTable();
follow();
