// The triangle: at each point the draws of three options, at a corner one of them only; the draws
// of the others stay. The point is dragged, or moved by the arrow keys.

const PLACES = [
  [30, 330],
  [370, 330],
  [200, 35.6],
];
const RANGE = { "aria-label": "Draws of three options", "aria-valuemin": 0, "aria-valuemax": 100 };
const STEP = 0.01; // what an arrow key moves; with Shift five times that

const place = (d) => [0, 1].map((i) => total(d.map((mass, y) => mass * PLACES[y][i])));
const mix = (p, q, t) => p.map((value, i) => (1 - t) * value + t * q[i]);

// The shares of the corners at a place of the drawing; outside the triangle some are negative.
function sharesAt([x, y]) {
  const [[left, bottom], [right], [, top]] = PLACES;
  const third = (bottom - y) / (bottom - top);
  const second = (x - left) / (right - left) - third / 2;
  return [1 - second - third, second, third];
}

// A place for a label in a convex polygon: away from what is to be avoided, then with both its ends
// inside, then near the middle. Undefined if the polygon is too narrow for it.
function roomIn(corners, avoid) {
  const middle = [0, 1].map((i) => total(corners.map((p) => p[i])) / corners.length);
  const side = ([x, y], [[x1, y1], [x2, y2]]) =>
    ((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)) / Math.hypot(x2 - x1, y2 - y1);
  const edges = neighbours([...corners, corners[0]]).filter(([p, q]) => `${p}` !== `${q}`);
  const beyond = (p) =>
    Math.max(0, ...edges.map((edge) => -side(p, edge) * Math.sign(side(middle, edge))));
  const outside = ([x, y]) => beyond([x - 50, y]) + beyond([x + 50, y]);
  const free = ([x, y]) =>
    Math.min(24, ...avoid.map(([a, b]) => Math.hypot(Math.max(Math.abs(x - a) - 50, 0), y - b)));
  const merit = (point) => free(point) - outside(point);
  const places = [0, 0.15, 0.3, 0.45, 0.6]
    .flatMap((t) => corners.map((p) => mix(middle, p, t)))
    .filter((point) => outside(point) < 40);
  return places.reduce((best, point) => (merit(point) > merit(best) + 1 ? point : best), places[0]);
}

const inWords = (groups, names) =>
  groups.map((group) => group.map((y) => names[y]).join(" = ")).join(" > ");

// Names of cells that are too small for them, beside the triangle at its top, with lines to the
// cells.
function namesBeside(small) {
  const sides = [small.filter(({ at }) => at[0] < 200), small.filter(({ at }) => at[0] >= 200)];
  return sides.flatMap((side, right) =>
    side
      .sort((one, other) => one.at[1] - other.at[1])
      .flatMap(({ at, text }, i) => {
        const [x, y] = [right ? 396 : 4, 20 + 22 * i];
        return [
          svg("line", {
            class: "leader",
            x1: right ? x - 20 : x + 20,
            y1: y + 5,
            x2: at[0],
            y2: at[1],
          }),
          svg("circle", { class: "leader", cx: at[0], cy: at[1], r: 2.5 }),
          svg("text", { class: `order beside-${right ? "right" : "left"}`, x, y }, text),
        ];
      }),
  );
}

function makeSimplex(drawing, current, move, home) {
  const pictures = svg("g");
  const handle = svg(
    "g",
    { id: "point", class: "handle", tabindex: 0, role: "slider", ...RANGE },
    svg("circle", { class: "reach", r: 24 }),
    svg("circle", { class: "ring", r: 10 }),
    svg("circle", { class: "dot", r: 6 }),
  );
  drawing.append(pictures, handle);

  const pointed = (event) => {
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(
      drawing.getScreenCTM().inverse(),
    );
    move(sharesAt([x, y]));
  };
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    handle.focus({ preventScroll: true });
    event.preventDefault();
  });
  // A finger on the point drags it, and does not scroll the page.
  handle.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  handle.addEventListener("pointermove", (event) => {
    if (handle.hasPointerCapture(event.pointerId)) pointed(event);
  });
  pictures.addEventListener("click", pointed);

  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  handle.addEventListener("keydown", (event) => {
    const [right, up] = arrows[event.key] ?? [];
    if (event.key === "Home") home();
    else if (right === undefined) return;
    else {
      const size = event.shiftKey ? 5 * STEP : STEP;
      const change = [-right - up / 2, right - up / 2, up];
      move(current().map((share, y) => share + size * change[y]));
    }
    event.preventDefault();
  });

  return function draw({ letters, short }, options, { cells, flip, sampling, meansOrder }) {
    const shared = total(options.map((y) => sampling[y]));
    const shares = (d) => options.map((y) => d[y] / shared);
    const [x, y] = place(shares(sampling));
    // A flip is a place of the triangle if it leaves the other options' draws.
    const stays = (mix) =>
      mix.every((p, y) => options.includes(y) || Math.abs(p - sampling[y]) < 1e-9);
    const arrow = flip.mix && stays(flip.mix) && place(shares(flip.mix));
    const avoid = [0, 0.2, 0.4, 0.6, 0.8, 1].map((t) => mix([x, y], arrow || [x, y], t));
    const right = ({ groups }) => groups[0].some((option) => meansOrder[0].includes(option));
    const names = letters.length > 3 ? short : letters;
    const name = (cell) => inWords(cell.groups, names) + (right(cell) ? " ✓" : "");
    const labels = cells.map((cell) => {
      const corners = cell.corners.map(place);
      const middle = [0, 1].map((i) => total(corners.map((p) => p[i])) / corners.length);
      return { room: roomIn(corners, avoid), at: middle, text: name(cell) };
    });
    pictures.replaceChildren(
      ...cells.map((cell) =>
        titled(
          svg("polygon", {
            class: `cell winner-${cell.groups[0].length > 1 ? "tied" : cell.groups[0][0]}`,
            points: cell.corners.map((corner) => place(corner).join()).join(" "),
          }),
          name(cell),
        ),
      ),
      svg("path", { class: "border", d: `M${PLACES.join("L")}Z` }),
      ...labels
        .filter(({ room }) => room)
        .map(({ room: [x, y], text }) => svg("text", { class: "order", x, y: y + 5 }, text)),
      ...namesBeside(labels.filter(({ room }) => !room)),
      ...options.map((option, i) =>
        svg(
          "text",
          { class: `corner corner-${i}`, x: [4, 396, 200][i], y: [354, 354, 22][i] },
          letters.length > 3 ? short[option] : `only ${short[option]}`,
        ),
      ),
      ...(arrow
        ? ["halo", "arrow"].map((name) =>
            svg("line", { class: name, x1: x, y1: y, x2: arrow[0], y2: arrow[1] }),
          )
        : []),
    );
    handle.setAttribute("transform", `translate(${x} ${y})`);
    const words = options.map((option) => `${letters[option]} ${percent(sampling[option])}`);
    handle.setAttribute("aria-valuetext", words.join(", "));
    handle.setAttribute("aria-valuenow", (100 * sampling[options[2]]).toFixed(1));
  };
}
