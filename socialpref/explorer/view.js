// The page: controls write the state, and every change draws all of it anew.

const presets = JSON.parse(document.getElementById("presets").textContent);
const byId = (id) => document.getElementById(id);
const presetOf = (state) => presets.find(({ id }) => id === state.preset);

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
  byId("link").value = location.href;
}

// --- Controls: range inputs, made once for each preset --------------------------------------

const sliders = [];

function slider(id, [title, ...label], limits, get, set, show) {
  const output = html("output", { for: id });
  const input = html("input", { id, type: "range", ...limits, oninput: () => set(+input.value) });
  sliders.push(() => {
    input.value = get();
    output.textContent = show(get());
    input.setAttribute("aria-valuetext", show(get()));
  });
  return html(
    "div",
    { class: "slider" },
    html("label", { for: id, title }, ...label),
    input,
    output,
  );
}

const swatch = (y) => html("span", { class: `swatch winner-${y}` });
const named = ({ letters, options }, y) => [
  swatch(y),
  html("b", {}, letters[y]),
  letters[y] === options[y] ? "" : ` ${options[y]}`,
];

function makeControls() {
  const preset = presetOf(state);
  const { types, options } = preset;
  sliders.length = 0;
  byId("types").replaceChildren(
    ...types.map((type, u) =>
      html(
        "fieldset",
        {},
        html("legend", {}, type),
        slider(
          `share-${u}`,
          ["Share of all the people", "Share of all"],
          LIMITS.share,
          () => state.shares[u],
          (share) => change({ shares: withShare(state.shares, u, share) }),
          (share) => percent(share, 0),
        ),
        options.map((_, y) =>
          slider(
            `reward-${u}-${y}`,
            [options[y], html("span", { class: "unseen" }, "Reward of "), ...named(preset, y)],
            LIMITS.reward,
            () => state.rewards[u][y],
            (reward) => change({ rewards: withReward(u, y, reward) }),
            (reward) => fixed(reward, 2),
          ),
        ),
      ),
    ),
  );
  byId("settings").replaceChildren(
    slider(
      "temperature",
      ["Low: decisive people", "Temperature"],
      LIMITS.temperature,
      () => state.temperature,
      (temperature) => change({ temperature }),
      (value) => fixed(value, 2),
    ),
    slider(
      "beta",
      ["High: a policy close to uniform", "Beta"],
      LIMITS.beta,
      () => state.beta,
      (beta) => change({ beta }),
      (value) => fixed(value, 2),
    ),
  );
  byId("about").textContent = preset.text;
}

const withReward = (u, y, reward) =>
  state.rewards.map((row, i) => (i === u ? row.map((old, j) => (j === y ? reward : old)) : row));

// --- Drawing --------------------------------------------------------------------------------

const drawSimplex = makeSimplex(
  byId("simplex"),
  () => state.sampling,
  (sampling) => change({ sampling }),
);

function draw() {
  waiting = 0;
  const preset = presetOf(state);
  const { letters, options } = preset;
  const found = answers(state);
  byId("preset").value = state.preset;
  sliders.forEach((show) => show());
  drawSimplex(letters, found);
  drawCharts(letters, state, found);
  byId("key").replaceChildren(
    ...letters.map((_, y) => html("li", {}, named(preset, y), `: ${percent(found.sampling[y])}`)),
  );
  const changed = encode(state, presets) !== encode(fresh(preset), presets);
  byId("changed").style.visibility = changed ? "visible" : "hidden"; // and nothing below it moves
  byId("by-nbc").textContent = inWords(found.order, letters);
  byId("by-means").textContent = inWords(found.meansOrder, letters);
  byId("agreement").textContent = agreement(found);
  byId("flip").textContent = flipWords(found, letters);
  byId("numbers").replaceChildren(
    ...letters.map((letter, y) =>
      html(
        "tr",
        {},
        html("th", { scope: "row", title: options[y] }, swatch(y), letter),
        [percent(found.sampling[y]), shown(found.means[y], 4)].map((text) => html("td", {}, text)),
        ["nbc", "dpo", "optimum"].map((name) => html("td", {}, fixed(found[name][y], 4))),
        found.P[y].map((p, z) => html("td", {}, y === z ? "·" : percent(p))),
      ),
    ),
  );
  byId("opponents").replaceChildren(
    ...letters.map((letter) => html("th", { scope: "col" }, `beats ${letter}`)),
  );
}

function agreement({ order, meansOrder }) {
  if (`${order.join("|")}` === `${meansOrder.join("|")}`) return "The two agree.";
  if (`${order[0]}` === `${meansOrder[0]}`) return "They agree on the winner, not on the rest.";
  const shared = order[0].some((y) => meansOrder[0].includes(y));
  return shared ? "They agree on the winner only in part." : "They disagree about the winner.";
}

function flipWords({ flip, sampling, order }, letters) {
  if (Number.isNaN(flip.distance)) return "All options are tied, so there is no ranking to change.";
  if (!flip.sampling) return "No mix of draws changes this ranking.";
  const [above, below] = flip.pair;
  const moves = [0, 1, 2]
    .filter((y) => Math.abs(flip.sampling[y] - sampling[y]) >= 0.0005)
    .map((y) => `${letters[y]} ${percent(flip.sampling[y])} instead of ${percent(sampling[y])}`);
  const winner = order[0].includes(above) ? "The winner changes." : "The winner stays.";
  return (
    `${letters[below]} catches up with ${letters[above]} if ${fixed(100 * flip.distance, 1)} of ` +
    `100 draws change (total variation ${fixed(flip.distance)}): draws of ${moves.join(", ")}. ` +
    winner
  );
}

// --- The address ----------------------------------------------------------------------------

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
  byId("link").value = location.href;
}

function start(id) {
  state = fresh(presets.find((preset) => preset.id === id));
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
byId("uniform").addEventListener("click", () => change({ sampling: UNIFORM }));
byId("link").addEventListener("focus", (event) => event.target.select());
addEventListener("hashchange", follow);
follow();
