// The page: controls write the state, and every change draws all of it anew.

const presets = JSON.parse(document.getElementById("presets").textContent);
const byId = (id) => document.getElementById(id);

let state = fresh(presets[0]);
let waiting = 0;
let saving = 0;

function change(parts) {
  state = { ...state, ...parts };
  if (!waiting) waiting = requestAnimationFrame(draw);
  clearTimeout(saving); // browsers refuse to be told a new address for every pixel
  saving = setTimeout(saveAddress, 150);
}

function saveAddress() {
  const hash = encode(state, presets);
  if (location.hash !== hash) history.replaceState(null, "", hash);
  showAddress();
}

function showAddress() {
  byId("link").value = location.href;
  byId("whole").href = encode({ ...state, view: VIEWS[0] }, presets);
}

// --- Controls -------------------------------------------------------------------------------

function makeControls() {
  const preset = presetOf(state, presets);
  sliders.length = 0;
  byId("shares").replaceChildren(...shareSliders(preset));
  byId("types").replaceChildren(...rewardSliders(preset));
  byId("draws").replaceChildren(...drawSliders(preset));
  byId("settings").replaceChildren(...settings());
  byId("corners").replaceChildren(...cornerChoices(preset));
  byId("own").replaceChildren(...(preset.own ? sizes() : []));
  byId("about").textContent = preset.text;
  document.body.dataset.view = state.view;
  document.body.dataset.options = preset.options.length;
}

function makeMethods() {
  byId("methods").replaceChildren(
    ...METHODS.map(({ id, name }) => {
      const others = () => state.methods.filter((other) => other !== id);
      const input = html("input", {
        type: "checkbox",
        value: id,
        onchange: () => change({ methods: inTable(input.checked ? [...others(), id] : others()) }),
      });
      return html("label", {}, input, name);
    }),
  );
}

const inTable = (chosen) => METHODS.map(({ id }) => id).filter((id) => chosen.includes(id));

function drawEvenly() {
  change({ sampling: even(state.sampling.length) });
}

// --- Drawing --------------------------------------------------------------------------------

const drawTriangle = makeSimplex(
  byId("simplex"),
  () => normalized(state.corners.map((y) => state.sampling[y])),
  (point) => change({ sampling: withTriangle(state.sampling, state.corners, point) }),
  drawEvenly,
);

let found = null;

function draw() {
  waiting = 0;
  const preset = presetOf(state, presets);
  const { letters, options, short } = preset;
  found = answers(state);
  byId("preset").value = state.preset;
  sliders.forEach((show) => show());
  if (options.length > 2) drawTriangle(preset, state.corners, found);
  drawCharts(letters, state, found);
  for (const input of byId("methods").querySelectorAll("input")) {
    input.checked = state.methods.includes(input.value);
  }
  byId("learned").replaceChildren(...found.learned.map((method) => learnedRow(preset, method)));
  const start = fresh(presets.find(({ id }) => id === state.preset));
  const changed = encode({ ...state, view: start.view }, presets) !== encode(start, presets);
  byId("changed").style.visibility = changed ? "visible" : "hidden"; // and nothing below it moves
  byId("by-nbc").replaceChildren(...rankingOf(preset, found.order));
  byId("by-means").replaceChildren(...rankingOf(preset, found.meansOrder));
  byId("agreement").textContent = agreement(found);
  byId("flip").textContent = flipWords(found, found.flip, found.sampling, short, DRAWS, short);
  byId("shares-flip").textContent = flipWords(
    found,
    found.sharesFlip,
    found.shares,
    preset.types,
    SHARES,
    short,
  );
  drawNumbers(preset);
}

// A ranking with the options' colours.
const rankingOf = ({ short }, groups) =>
  groups
    .flatMap((group, i) => [
      i ? " > " : "",
      group.map((y, j) => [j ? " = " : "", html("span", { class: "option" }, swatch(y), short[y])]),
    ])
    .flat(2);

// A method's policy, as a bar, with its order; or why it has none.
function learnedRow(preset, { id, name, policy, order, note }) {
  const parts = (policy ?? []).map((p, y) =>
    html(
      "span",
      {
        class: `part option-${y}`,
        style: `width: ${100 * p}%`,
        title: `${preset.short[y]} ${percent(p)}`,
      },
      preset.letters[y],
      p >= 0.15 ? ` ${percent(p, 0)}` : "",
    ),
  );
  return html(
    "div",
    { class: "method", "data-method": id },
    html("dt", {}, name),
    html(
      "dd",
      {},
      policy ? html("div", { class: "policy" }, parts) : "",
      html("p", {}, order ? rankingOf(preset, order) : "", note ? ` ${note}` : ""),
    ),
  );
}

function drawNumbers({ letters, options, short }) {
  byId("numbers").replaceChildren(
    ...letters.map((letter, y) =>
      html(
        "tr",
        {},
        html("th", { scope: "row", title: options[y] }, swatch(y), labelOf(letter, short[y])),
        [percent(found.sampling[y]), shown(found.means[y], 4)].map((text) => html("td", {}, text)),
        html("td", {}, fixed(found.nbc[y], 4)),
        found.learned.map(({ policy }) => html("td", {}, policy ? fixed(policy[y], 4) : "–")),
        found.P[y].map((p, z) => html("td", {}, y === z ? "·" : percent(p))),
      ),
    ),
  );
  byId("head").replaceChildren(
    ...["", "Draws", "Average reward", "NBC", ...found.learned.map(({ name }) => name)].map(
      (name) => html("th", { scope: "col" }, name),
    ),
    ...letters.map((letter) => html("th", { scope: "col" }, `beats ${letter}`)),
  );
}

function agreement({ order, meansOrder }) {
  if (`${order.join("|")}` === `${meansOrder.join("|")}`) return "The two agree.";
  if (`${order[0]}` === `${meansOrder[0]}`) return "They agree on the winner, not on the rest.";
  const shared = order[0].some((y) => meansOrder[0].includes(y));
  return shared ? "They agree on the winner only in part." : "They disagree about the winner.";
}

const DRAWS = {
  none: "No mix of draws changes this ranking.",
  unit: "of 100 draws",
  of: "draws of ",
};
const SHARES = { none: "No shares change this ranking.", unit: "of 100 people", of: "" };

// The nearest change in words; `names` are of what is moved, `short` of the options.
function flipWords({ order }, flip, base, names, { none, unit, of }, short) {
  if (Number.isNaN(flip.distance)) return "All options are tied, so there is no ranking to change.";
  if (!flip.mix) return none;
  const [above, below] = flip.pair;
  const moves = upTo(base.length)
    .filter((i) => Math.abs(flip.mix[i] - base[i]) >= 0.0005)
    .map((i) => `${names[i]} ${percent(flip.mix[i])} instead of ${percent(base[i])}`);
  const winner = order[0].includes(above) ? "The winner changes." : "The winner stays.";
  return (
    `${short[below]} catches up with ${short[above]} if ${fixed(100 * flip.distance, 1)} ${unit} ` +
    `change (total variation ${fixed(flip.distance)}): ${of}${moves.join(", ")}. ${winner}`
  );
}

// --- The address, the preset and the theme ---------------------------------------------------

function follow() {
  const problem = byId("problem");
  problem.hidden = true;
  try {
    state = decode(location.hash, presets);
  } catch (error) {
    state = fresh(presets[0]);
    problem.textContent = `${error.message} Shown instead: “${presets[0].title}”.`;
    problem.hidden = false;
  }
  makeControls();
  draw();
  showAddress();
}

function start(id) {
  const { view, methods } = state;
  state = { ...fresh(presets.find((preset) => preset.id === id)), view, methods };
  byId("problem").hidden = true;
  makeControls();
  change({});
}

for (const group of new Set(presets.map((preset) => preset.group))) {
  const members = presets.filter((preset) => preset.group === group);
  const choices = members.map(({ id, title }) => html("option", { value: id }, title));
  byId("preset").append(html("optgroup", { label: group }, choices));
}
byId("preset").addEventListener("change", (event) => start(event.target.value));
byId("reset").addEventListener("click", () => start(state.preset));
byId("uniform").addEventListener("click", drawEvenly);
byId("equal").addEventListener("click", () => change({ shares: even(state.shares.length) }));
byId("link").addEventListener("focus", (event) => event.target.select());
byId("theme").addEventListener("click", () => {
  const { dataset } = document.documentElement;
  const theirs = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  dataset.theme = (dataset.theme ?? theirs) === "dark" ? "light" : "dark";
});
addEventListener("hashchange", follow);
makeMethods();
follow();
