// The state: what a preset says, and what was changed since. Its text form, in the address, names
// the preset and only what differs from it, with all digits: #preset=two-camps&t=2&d=0.2,0.3,0.5

const LIMITS = {
  reward: { min: -5, max: 5, step: 0.05 },
  share: { min: 0, max: 1, step: 0.01 },
  temperature: { min: 0.5, max: 5, step: 0.05 },
  beta: { min: 0.25, max: 4, step: 0.05 },
  groups: { min: 1, max: 12 },
  options: { min: 2, max: 6 },
};
const LEAST = 0.01; // of the draws; DPO's limit needs every option to be drawn
const SHOWN = ["dpo", "nash", "maximal-lottery", "optimal"]; // methods at the start
const VIEWS = ["all", "draws", "people", "temperature", "methods"];

const drawLimits = (size) => ({ min: LEAST, max: 1 - (size - 1) * LEAST, step: 0.01 });
const even = (size) => upTo(size).map(() => 1 / size);

const fresh = (preset) => ({
  preset: preset.id,
  rewards: preset.rewards,
  shares: preset.shares,
  temperature: preset.temperature,
  beta: 1,
  sampling: even(preset.options.length),
  corners: preset.corners,
  methods: SHOWN,
  view: VIEWS[0],
});

// The preset of a state. The population of one's own has as many groups and options as its rewards.
function presetOf(state, presets) {
  const preset = presets.find(({ id }) => id === state.preset);
  return preset.own ? ownPreset(preset, state.rewards) : preset;
}

function ownPreset(preset, rewards) {
  const letters = rewards[0].map((_, y) => letter(y));
  return {
    ...preset,
    types: rewards.map((_, u) => `group ${u + 1}`),
    options: letters,
    short: letters,
    letters,
    rewards,
    shares: even(rewards.length),
    corners: letters.map((_, y) => y).slice(0, 3),
  };
}

const numbers = (text) => text.split(",").map(number);
const number = (text) => (text.trim() === "" ? NaN : Number(text));
const within =
  ({ min, max }) =>
  (x) =>
    x >= min && x <= max;
const listed = (values) => `${values}`;

// How each part is written in the address, and read again: the value, or null where it is wrong.
const PARTS = {
  r: {
    name: "rewards",
    write: (rows) => rows.map(listed).join(";"),
    read(text, { rewards, own }) {
      const rows = text.split(";").map(numbers);
      const [width, height] = own
        ? [rows[0].length, rows.length]
        : [rewards[0].length, rewards.length];
      const fits = within(LIMITS.groups)(rows.length) && within(LIMITS.options)(width);
      const right = (row) => row.length === width && row.every(within(LIMITS.reward));
      return fits && rows.length === height && rows.every(right) ? rows : null;
    },
    must: ({ rewards, own }) =>
      own
        ? "1 to 12 lines of 2 to 6 numbers from -5 to 5"
        : `${rewards.length} lines of ${rewards[0].length} numbers from -5 to 5`,
  },
  w: {
    name: "shares",
    write: listed,
    read: (text, { shares }) => distribution(text, shares.length, LIMITS.share),
    must: ({ shares }) => `${shares.length} numbers from 0 to 1 that sum to 1`,
  },
  t: single("temperature"),
  b: single("beta"),
  d: {
    name: "sampling",
    write: listed,
    read: (text, { sampling }) => distribution(text, sampling.length, drawLimits(sampling.length)),
    must({ sampling: { length } }) {
      const { min, max } = drawLimits(length);
      return `${length} numbers from ${min} to ${max.toFixed(2)} that sum to 1`;
    },
  },
  o: {
    name: "corners",
    write: (corners) => listed(corners.map((y) => y + 1)),
    read(text, { sampling }) {
      const corners = numbers(text).map((place) => place - 1);
      const right = (y, i) =>
        Number.isInteger(y) && y > (corners[i - 1] ?? -1) && y < sampling.length;
      return corners.length === 3 && corners.every(right) ? corners : null;
    },
    must: ({ sampling }) => `3 options, of 1 to ${sampling.length}, in their order`,
  },
  m: {
    name: "methods",
    write: (methods) => listed(methods.length ? methods : ["none"]),
    read(text) {
      const names = text === "none" ? [] : text.split(",");
      const known = METHODS.map(({ id }) => id).filter((id) => names.includes(id));
      return known.length === names.length ? known : null;
    },
    must: () => `"none", or names of methods: ${METHODS.map(({ id }) => id).join(", ")}`,
  },
  v: {
    name: "view",
    write: (view) => view,
    read: (text) => (VIEWS.includes(text) ? text : null),
    must: () => `one of ${VIEWS.join(", ")}`,
  },
};

function single(name) {
  const { min, max } = LIMITS[name];
  return {
    name,
    write: (value) => `${value}`,
    read: (text) => (within(LIMITS[name])(number(text)) ? number(text) : null),
    must: () => `a number from ${min} to ${max}`,
  };
}

function distribution(text, size, limits) {
  const parts = numbers(text);
  const fits = parts.length === size && parts.every(within({ ...limits, max: limits.max + 1e-9 }));
  return fits && Math.abs(total(parts) - 1) <= 1e-6 ? parts : null;
}

function encode(state, presets) {
  const preset = presetOf(state, presets);
  const start = fresh(preset);
  const differs = ({ name, write }) => write(state[name]) !== write(start[name]);
  const changed = Object.entries(PARTS)
    .filter(([key, part]) => (preset.own && key === "r") || differs(part))
    .map(([key, { name, write }]) => `${key}=${write(state[name])}`);
  return [`#preset=${state.preset}`, ...changed].join("&");
}

// Return the state, or throw an error that says what is wrong with the address.
function decode(hash, presets) {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const preset = presets.find(({ id }) => id === (parameters.get("preset") ?? presets[0].id));
  if (!preset) throw new Error(`There is no preset “${parameters.get("preset")}”.`);
  const wrong = [...parameters.keys()].find(
    (key) => key !== "preset" && !Object.hasOwn(PARTS, key),
  );
  if (wrong !== undefined) throw new Error(`“${wrong}” is not part of a state.`);
  let state = fresh(preset);
  for (const [key, { name, read, must }] of Object.entries(PARTS)) {
    if (!parameters.has(key)) continue;
    const text = parameters.get(key);
    const about = { ...state, own: preset.own };
    const value = read(text, about);
    if (value === null)
      throw new Error(`The ${name} must be ${must(about)}; the address says “${text}”.`);
    // Rewards come first: one's own population has their size.
    state =
      key === "r" && preset.own ? ownState(state, preset, value) : { ...state, [name]: value };
  }
  return state;
}

const ownState = (state, preset, rewards) => ({
  ...fresh(ownPreset(preset, rewards)),
  temperature: state.temperature,
  beta: state.beta,
  methods: state.methods,
  view: state.view,
});

// A part is set, and the others keep their proportions, each at least `least`.
function withPart(parts, which, part, least) {
  const spare = parts.map((old, i) => (i === which ? 0 : Math.max(old - least, 0)));
  const rest = 1 - part - (parts.length - 1) * least;
  const ratio = (i) => (total(spare) > 1e-9 ? spare[i] / total(spare) : 1 / (parts.length - 1));
  return rounded(parts.map((_, i) => (i === which ? part : least + rest * ratio(i))));
}

// The three chosen options get what the point of the triangle says, or the nearest in direction
// that draws each often enough; the others keep their draws.
function withTriangle(d, corners, point) {
  const shared = total(corners.map((y) => d[y]));
  const free = shared - 3 * LEAST;
  if (free < 1e-9) return d;
  const spare = normalized(point.map((share) => Math.max(shared * share - LEAST, 0)));
  return rounded(
    d.map((mass, y) => (corners.includes(y) ? LEAST + free * spare[corners.indexOf(y)] : mass)),
  );
}

// Four decimals keep addresses short; the largest share takes what rounding leaves.
function rounded(shares) {
  const parts = shares.map((share) => Math.round(share * 1e4));
  parts[parts.indexOf(Math.max(...parts))] += 1e4 - total(parts);
  return parts.map((part) => part / 1e4);
}
