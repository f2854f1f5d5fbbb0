// The details of one question.

function article(question) {
  const { finding } = question;
  const order = finding ? finding.order.flat() : question.options.map((_, y) => y);
  const letters = lettersOf(order);
  const people = [
    question.scale ? "options on a scale" : "options without a scale",
    question.grouping && `groups by ${question.grouping}`,
    missing(question.respondents) ? "shares only" : `${whole(question.respondents)} respondents`,
    question.effective !== question.respondents &&
      `effective sample size ${whole(question.effective)}`,
    question.source,
  ];
  return html(
    "article",
    {},
    html(
      "h2",
      { id: "detail-title", tabindex: -1 },
      question.text && html("span", { class: "key" }, question.key),
      question.text || question.key,
    ),
    html("p", { class: "quiet" }, people.filter(Boolean).join(" · ")),
    finding
      ? conclusions(finding)
      : html("p", { class: "warning" }, `Not examined: ${question.reason}.`),
    finding && [
      bars(question, order, letters),
      rankings(finding, letters),
      simplexMap(question, letters),
      matrix(question, order, letters),
    ],
    answers(question, order, letters),
    notes(question),
  );
}

function conclusions({ words: [main, ...others] }) {
  return html(
    "div",
    { class: "finding" },
    html("p", { class: "main" }, main),
    others.map((text) => html("p", { class: "quiet" }, text)),
  );
}

function rankings({ flip, order, reward_order: rewards }, letters) {
  const orders = [
    ["NBC at the base", order],
    flip.order && ["NBC at the flip", flip.order],
    ["Average reward", rewards],
  ];
  return html(
    "dl",
    { class: "orders" },
    orders
      .filter(Boolean)
      .map(([name, groups]) => [html("dt", {}, name), html("dd", {}, ranking(groups, letters))]),
  );
}

const named = (question, y, letters) => [
  html("span", { class: "letter" }, letters.get(y)),
  " ",
  question.options[y],
];

function bars(question, order, letters) {
  const { finding } = question;
  const { flip } = finding;
  const flips = flip.status === "flips";
  const [above, below] = flip.pair ?? [];
  const role = (y) => (y === above ? "above" : y === below ? "below" : "");
  const intervals = finding.error?.nbc_intervals;
  const scores = [...finding.nbc, ...(flip.nbc ?? []), ...(intervals ?? []).flat(), 0.5];
  const panels = [
    { title: "Average reward", values: finding.rewards, start: 0, span: [0, ...finding.rewards] },
    { title: "NBC at the base", values: finding.nbc, intervals, start: 0.5, span: scores },
    flips && { title: "NBC at the flip", values: flip.nbc, start: 0.5, span: scores },
    {
      title: flips ? "Share of draws at the flip" : "Share of draws at the base",
      values: flips ? flip.sampling : finding.base,
      marks: flips ? finding.base : null,
      start: 0,
      span: [0, ...finding.base, ...(flip.sampling ?? [])],
      show: percent,
    },
  ].filter(Boolean);
  return [
    html("h3", {}, "The options, in the order of NBC at the base"),
    html(
      "table",
      { class: "bars" },
      html(
        "thead",
        {},
        html(
          "tr",
          {},
          html("th", {}, "Option"),
          panels.map((p) => html("th", { scope: "col" }, p.title)),
        ),
      ),
      html(
        "tbody",
        {},
        order.map((y) =>
          html(
            "tr",
            { class: role(y) },
            html("th", { scope: "row" }, named(question, y, letters)),
            panels.map((panel) =>
              html("td", { "data-title": panel.title }, bar(panel, y, role(y))),
            ),
          ),
        ),
      ),
    ),
    flips &&
      html(
        "ul",
        { class: "legend" },
        html("li", {}, swatch("key-above"), "is overtaken"),
        html("li", {}, swatch("key-below"), "overtakes it"),
        html("li", {}, "dashed line: share of draws at the base"),
        intervals && html("li", {}, `thin line, brackets: ${percent(report.level, 0)} interval`),
      ),
  ];
}

const swatch = (name) =>
  svg(
    "svg",
    { width: 22, height: 14, "aria-hidden": "true" },
    svg("rect", { class: `swatch ${name}`, width: 22, height: 14 }),
  );

function bar({ values, intervals, marks, start, span, show = fixed }, y, role) {
  const [low, high] = [Math.min(...span), Math.max(...span)];
  const at = (value) => `${high > low ? (100 * (value - low)) / (high - low) : 0}%`;
  const long = `${high > low ? (100 * Math.abs(values[y] - start)) / (high - low) : 0}%`;
  const interval = intervals?.[y];
  return [
    svg(
      "svg",
      { class: "bar", "aria-hidden": "true" },
      svg("rect", {
        class: role,
        x: at(Math.min(values[y], start)),
        y: 2,
        width: long,
        height: 12,
      }),
      svg("line", { x1: at(start), x2: at(start), y1: 0, y2: 16 }),
      interval && [
        svg("line", { class: "halo", x1: at(interval[0]), x2: at(interval[1]), y1: 8, y2: 8 }),
        svg("line", { class: "whisker", x1: at(interval[0]), x2: at(interval[1]), y1: 8, y2: 8 }),
      ],
      marks && svg("line", { class: "mark", x1: at(marks[y]), x2: at(marks[y]), y1: 0, y2: 16 }),
    ),
    show(values[y]),
    interval && html("span", { class: "quiet" }, ` ${between(interval)}`),
  ];
}

// The simplex of three options: corners are distributions that draw one option only.
function simplexMap(question, letters) {
  const { cells, order, base, flip, winner_flip: winner } = question.finding;
  if (!cells) return null;
  const corners = [...letters.keys()];
  const places = [
    [40, 296],
    [340, 296],
    [190, 36],
  ];
  const at = (d) => [0, 1].map((i) => corners.reduce((sum, y, c) => sum + d[y] * places[c][i], 0));
  const kind = (groups) =>
    ranking(groups, letters) === ranking(order, letters)
      ? "same"
      : `${groups[0]}` === `${order[0]}`
        ? "order"
        : "winner";
  const arrow = (to, name) => {
    const [[x1, y1], [x2, y2]] = [at(base), at(to)];
    return [
      svg("line", { class: "halo", x1, y1, x2, y2 }),
      svg("line", { class: `arrow ${name}`, x1, y1, x2, y2, "marker-end": "url(#arrowhead)" }),
    ];
  };
  const further = winner.status === "flips" && winner.distance !== flip.distance;
  const [baseX, baseY] = at(base);
  const ends = [base, flip.sampling, further && winner.sampling].filter(Boolean).map(at);
  const avoid = ends.flatMap(([x, y]) => [0, 0.5, 1].map((t) => mix([baseX, baseY], [x, y], t)));
  const drawing = svg(
    "svg",
    {
      class: "map",
      viewBox: "0 0 380 330",
      role: "img",
      "aria-label": "Which ranking holds at which sampling distribution",
    },
    cells.map((cell) =>
      titled(
        svg("polygon", {
          class: `cell ${kind(cell.order)}`,
          points: cell.corners.map((c) => at(c).join()).join(" "),
        }),
        `${ranking(cell.order, letters)}: ${percent(cell.share)}`,
      ),
    ),
    flip.status === "flips" && arrow(flip.sampling, ""),
    further && arrow(winner.sampling, "dashed"),
    titled(svg("circle", { class: "base", cx: baseX, cy: baseY, r: 5.5 }), "base"),
    cells
      .filter((cell) => cell.share > 0.06)
      .map((cell) => {
        const [x, y] = roomIn(cell.corners.map(at), avoid);
        return svg("text", { x, y: y + 4, "text-anchor": "middle" }, ranking(cell.order, letters));
      }),
    corners.map((y, c) =>
      svg(
        "text",
        {
          class: "corner",
          x: places[c][0],
          y: places[c][1] + (c === 2 ? -10 : 22),
          "text-anchor": "middle",
        },
        `only ${letters.get(y)}`,
      ),
    ),
  );
  const meaning = { same: "as at the base", order: "same winner", winner: "another winner" };
  return [
    html("h3", {}, "Which ranking holds where, by what is compared"),
    html(
      "div",
      { class: "side-by-side" },
      html("figure", {}, drawing, pngButton("map.png", () => drawing)),
      html(
        "div",
        {},
        html(
          "p",
          {},
          "Each point is a mix of draws; at a corner only one option is drawn. Dot: the base.",
        ),
        flip.status === "flips" &&
          html(
            "p",
            {},
            `Arrow: the nearest flip.${further ? " Dashed arrow: the nearest change of the winner." : ""}`,
          ),
        html(
          "ul",
          { class: "legend map" },
          cells.map((cell) =>
            html(
              "li",
              {},
              swatch(kind(cell.order)),
              `${ranking(cell.order, letters)} on ${percent(cell.share)} of the map (${meaning[kind(cell.order)]})`,
            ),
          ),
        ),
      ),
    ),
  ];
}

const mix = (p, q, t) => p.map((value, i) => (1 - t) * value + t * q[i]);

// A place for a label within a convex polygon: far from its edges and from what is to be avoided.
function roomIn(corners, avoid) {
  const middle = [0, 1].map((i) => corners.reduce((sum, p) => sum + p[i], 0) / corners.length);
  const toEdge = ([x, y]) =>
    corners.map(([x1, y1], i) => {
      const [x2, y2] = corners[(i + 1) % corners.length];
      return Math.abs((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)) / Math.hypot(x2 - x1, y2 - y1);
    });
  const toPoint = ([x, y]) => avoid.map(([a, b]) => Math.hypot((x - a) / 2, y - b)); // labels are wide
  const room = (point) => Math.min(...toEdge(point), ...toPoint(point));
  const places = corners.flatMap((corner) =>
    [0.15, 0.3, 0.45, 0.6].map((t) => mix(middle, corner, t)),
  );
  return places.reduce((best, place) => (room(place) > room(best) ? place : best), middle);
}

function matrix(question, order, letters) {
  const P = question.finding.pairwise;
  const shade = (p) => `color-mix(in srgb, var(--dark) ${(50 * p).toFixed(0)}%, var(--paper))`;
  const cell = (y, z) =>
    y === z
      ? html("td", {}, "·")
      : html(
          "td",
          { class: P[y][z] > 0.5 && "wins", style: `background:${shade(P[y][z])}` },
          fixed(100 * P[y][z], 1),
        );
  return [
    html("h3", {}, "Who beats whom"),
    html(
      "p",
      { class: "quiet" },
      "In how many of 100 comparisons the row's option beats the column's.",
    ),
    scrolling(
      "matrix",
      order.map((z) => [letters.get(z)]),
      order.map((y) =>
        html(
          "tr",
          {},
          html("th", { scope: "row" }, named(question, y, letters)),
          order.map((z) => cell(y, z)),
        ),
      ),
    ),
  ];
}

function answers(question, order, letters) {
  const heads = question.groups.map((name, g) => {
    const few = question.small.includes(name) && "few people";
    const size = question.group_sizes && `n = ${whole(question.group_sizes[g])}`;
    const about = [few, size, `${percent(question.group_shares[g])} of all`].filter(Boolean).join(", ");
    return [name, html("span", { class: "quiet" }, about)];
  });
  const row = (y) =>
    html(
      "tr",
      {},
      html(
        "th",
        { scope: "row" },
        question.finding ? named(question, y, letters) : question.options[y],
      ),
      question.answers.map((shares) => html("td", {}, percent(shares[y]))),
    );
  const flipped = question.finding?.share_flip.shares;
  const last = (name, values) =>
    html(
      "tr",
      { class: "who" },
      html("th", { scope: "row" }, name),
      values.map((share) => html("td", {}, percent(share))),
    );
  return [
    html("h3", {}, "Answers by group"),
    scrolling("answers", heads, [
      ...order.map(row),
      last(`Who counts (${question.shares_are})`, question.group_shares),
      flipped && last("Who counts, at the flip", flipped),
    ]),
  ];
}

const scrolling = (name, heads, body) =>
  html(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-labelledby": "detail-title" },
    html(
      "table",
      { class: name },
      html(
        "thead",
        {},
        html(
          "tr",
          {},
          html("td"),
          heads.map((head) => html("th", { scope: "col" }, head)),
        ),
      ),
      html("tbody", {}, body),
    ),
  );

function notes({ dropped, finding, small }) {
  const empty = finding?.empty_cells;
  return [
    small.length > 0 &&
      html(
        "p",
        { class: "warning" },
        `Fewer than ${report.small} people in ${small.join(", ")}: rewards of so few are uncertain.`,
      ),
    empty > 0 &&
      html(
        "p",
        { class: "warning" },
        `In ${empty} ${empty > 1 ? "cells" : "cell"} of this table nobody chose the option: there the reward comes from the smoothing alone.`,
      ),
    dropped.length > 0 && [
      html("h3", {}, "Left out of this question"),
      html(
        "ul",
        { class: "dropped" },
        dropped.map((text) => html("li", {}, text)),
      ),
    ],
  ];
}
