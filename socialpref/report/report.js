// The page: the figure, the table, and opening a question. Every number and sentence comes from the
// block of JSON in this page; the scripts decide only where to draw it.

const report = JSON.parse(document.getElementById("data").textContent);
const questions = report.questions;
const byKey = new Map(questions.map((question) => [question.key, question]));
const resampled = report.level !== null;

// --- Distribution of the flip distance ---------------------------------------------

function drawCdf() {
  const figure = document.getElementById("cdf");
  const { distances, summary } = report;
  if (!distances.length) {
    figure.replaceChildren(html("p", {}, "No question can be flipped."));
    return;
  }
  const width = Math.min(figure.clientWidth, figure.clientWidth > 830 ? 700 : 760);
  const height = Math.max(230, Math.min(330, width * 0.55));
  const [left, right, top, bottom] = [44, 14, 12, 46];
  const x = (value) => left + value * (width - left - right);
  const y = (value) => height - bottom - value * (height - top - bottom);
  const steps = distances.map((d, i) => `H${x(d)}V${y((i + 1) / distances.length)}`).join("");
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1];
  const median = summary.median_distance;
  const interval = summary.median_distance_interval;
  const [low, high] = interval ?? [median, median];
  const rightHalf = x(high) > width * 0.6;
  const label = `${distances.length} questions can be flipped; median distance ${fixed(median)} ${between(interval)}`;
  figure.replaceChildren(
    svg(
      "svg",
      { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
      ticks.map((t) => [
        svg("line", { class: "grid", x1: x(t), x2: x(t), y1: y(0), y2: y(1) }),
        svg("line", { class: "grid", x1: x(0), x2: x(1), y1: y(t), y2: y(t) }),
        svg("text", { x: x(t), y: y(0) + 18, "text-anchor": "middle" }, t.toFixed(1)),
        svg("text", { x: left - 7, y: y(t) + 4, "text-anchor": "end" }, percent(t, 0)),
      ]),
      svg("rect", {
        class: "band",
        x: x(low),
        y: y(1),
        width: x(high) - x(low),
        height: y(0) - y(1),
      }),
      svg("path", { class: "median", d: `M${x(0)} ${y(0.5)}H${x(median)}V${y(0)}` }),
      svg("path", { class: "curve", d: `M${x(0)} ${y(0)}${steps}H${x(1)}` }),
      svg("path", { class: "axis", fill: "none", d: `M${x(0)} ${y(1)}V${y(0)}H${x(1)}` }),
      svg(
        "text",
        {
          x: rightHalf ? x(low) - 6 : x(high) + 6,
          y: y(0) - 10,
          "text-anchor": rightHalf ? "end" : "start",
        },
        `median ${fixed(median)} ${between(interval)}`,
      ),
      svg(
        "text",
        { x: x(0.5), y: height - 6, "text-anchor": "middle" },
        "flip distance (total variation)",
      ),
    ),
    html(
      "figcaption",
      {},
      `Share of the ${distances.length} flippable questions whose ranking changes within a given distance ` +
        "of the base. Dashed: the median. ",
      interval ? `Shaded: its ${percent(report.level, 0)} interval. ` : "",
      `The other ${summary.n_examined - distances.length} examined questions keep their ranking at any distance.`,
    ),
  );
}

// --- Table of questions --------------------------------------------------------------

const distance = (flip) => (flip?.status === "never" ? Infinity : (flip?.distance ?? null));
const distanceText = (flip) =>
  flip?.status === "flips" ? fixed(flip.distance) : (flip?.status ?? "not examined");
const overtaking = ({ options, reason, finding }) => {
  if (!finding) return reason;
  const [above, below] = finding.flip.pair ?? [];
  return above === undefined ? "" : `${options[below]} over ${options[above]}`;
};
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
  "average reward disagrees": (q) => q.finding && !agree(q),
  "not examined": (q) => !q.finding,
};

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
  document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());
  fillTable();
}

function sortBy(column) {
  sorting.direction = sorting.column === column ? -sorting.direction : (column.first ?? 1);
  sorting.column = column;
  fillTable();
}

function fillTable() {
  const wanted = document.getElementById("filter").value.trim().toLowerCase();
  const chosen = choices[document.getElementById("show").value];
  shown = questions.filter((q) => chosen(q) && texts.get(q).includes(wanted)).sort(inOrder);
  document.querySelector("#questions tbody").replaceChildren(...shown.map((q) => rows.get(q)));
  document.getElementById("count").textContent = `${shown.length} of ${questions.length} questions`;
  for (const column of columns) {
    if (column !== sorting.column) column.head.removeAttribute("aria-sort");
    else column.head.setAttribute("aria-sort", sorting.direction > 0 ? "ascending" : "descending");
  }
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
addEventListener("resize", drawCdf);

drawCdf();
drawTable();
follow();
