// The controls: range inputs, made once for each preset, that write the state.

const sliders = []; // what shows each slider's value

// `mark` returns a value to point at, or null: where the nearest change is.
function slider(id, [title, ...label], limits, get, set, show, mark = null) {
  const output = html("output", { for: id });
  const input = html("input", { id, type: "range", ...limits, oninput: () => set(+input.value) });
  const diamond = html("span", { class: "mark", "aria-hidden": "true" }, "◇");
  sliders.push(() => {
    input.value = get();
    output.textContent = show(get());
    input.setAttribute("aria-valuetext", show(get()));
    const at = mark?.() ?? null;
    diamond.hidden = at === null;
    if (at === null) return;
    const part = (at - limits.min) / (limits.max - limits.min);
    diamond.style.setProperty("--at", Math.min(Math.max(part, 0), 1));
  });
  return html(
    "div",
    { class: "slider", id: `${id}-slider` },
    html("label", { for: id, title }, ...label),
    html("span", { class: "track" }, input, mark ? diamond : ""),
    output,
  );
}

const swatch = (y) => html("span", { class: `swatch option-${y}` });
const labelOf = (letter, short) => [html("b", {}, letter), letter === short ? "" : ` ${short}`];
const unseen = (text) => html("span", { class: "unseen" }, text);

// Where a flip moves a part, or null if it leaves it.
const markOf = (flip, base, i) =>
  flip?.mix && Math.abs(flip.mix[i] - base[i]) >= 0.0005 ? flip.mix[i] : null;

function drawSliders({ letters, options, short }) {
  const limits = drawLimits(options.length);
  return options.map((option, y) =>
    slider(
      `draw-${y}`,
      [option, unseen("Draws of "), swatch(y), ...labelOf(letters[y], short[y])],
      limits,
      () => state.sampling[y],
      (part) => change({ sampling: withPart(state.sampling, y, part, LEAST) }),
      (part) => percent(part),
      () => markOf(found?.flip, state.sampling, y),
    ),
  );
}

function shareSliders({ types }) {
  return types.map((type, u) =>
    slider(
      `share-${u}`,
      [`Share of ${type}`, unseen("Share of "), type],
      types.length > 1 ? LIMITS.share : { min: 1, max: 1, step: 0.01 },
      () => state.shares[u],
      (share) => change({ shares: withPart(state.shares, u, share, 0) }),
      (share) => percent(share),
      () => markOf(found?.sharesFlip, state.shares, u),
    ),
  );
}

// Rewards are folded where there are many.
function rewardSliders({ types, letters, options, short }) {
  return types.map((type, u) =>
    html(
      "details",
      { open: types.length <= 3 && "" },
      html("summary", {}, type),
      options.map((option, y) =>
        slider(
          `reward-${u}-${y}`,
          [option, unseen("Reward of "), swatch(y), ...labelOf(letters[y], short[y])],
          LIMITS.reward,
          () => state.rewards[u][y],
          (reward) => change({ rewards: withReward(u, y, reward) }),
          (reward) => fixed(reward, 2),
        ),
      ),
    ),
  );
}

const withReward = (u, y, reward) =>
  state.rewards.map((row, i) => (i === u ? row.map((old, j) => (j === y ? reward : old)) : row));

const settings = () =>
  [
    ["temperature", "Temperature", "Low: decisive people"],
    ["beta", "Beta", "High: a policy close to uniform"],
  ].map(([name, label, title]) =>
    slider(
      name,
      [title, label],
      LIMITS[name],
      () => state[name],
      (value) => change({ [name]: value }),
      (value) => fixed(value, 2),
    ),
  );

// Which three options the triangle is about; nothing to choose if there are no more than three.
function cornerChoices({ options, letters, short }) {
  if (options.length <= 3) return [];
  return state.corners.map((corner, i) =>
    html(
      "select",
      {
        "aria-label": `Option at corner ${i + 1} of the triangle`,
        onchange: (event) => setCorner(i, +event.target.value),
      },
      options.map((_, y) =>
        html(
          "option",
          { value: y, selected: y === corner && "" },
          letters[y] === short[y] ? short[y] : `${letters[y]} ${short[y]}`,
        ),
      ),
    ),
  );
}

// A corner gets an option; the corner that had it gets the other one. They stay in their order.
function setCorner(i, option) {
  const swapped = state.corners.map((old) => (old === option ? state.corners[i] : old));
  swapped[i] = option;
  change({ corners: swapped.sort((y, z) => y - z) });
  makeControls();
}

// The size of one's own population.
const sizes = () =>
  [
    ["groups", "Groups", () => state.rewards.length],
    ["options", "Options", () => state.rewards[0].length],
  ].map(([name, label, get]) =>
    html(
      "label",
      {},
      `${label} `,
      html("input", {
        id: `own-${name}`,
        type: "number",
        ...LIMITS[name],
        value: get(),
        onchange: (event) => resize({ [name]: +event.target.value }),
      }),
    ),
  );

// New groups and options have rewards of 0.
function resize({ groups = state.rewards.length, options = state.rewards[0].length }) {
  if (!within(LIMITS.groups)(groups) || !within(LIMITS.options)(options)) return makeControls();
  const rewards = upTo(groups).map((u) => upTo(options).map((y) => state.rewards[u]?.[y] ?? 0));
  const preset = presets.find(({ id }) => id === state.preset);
  state = ownState(state, preset, rewards);
  makeControls();
  change({});
}
