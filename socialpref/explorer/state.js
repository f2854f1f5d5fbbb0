// The state: what a preset says, and what was changed since. Its text form, in the address, names
// the preset and only what differs from it, with all digits: #preset=two-camps&t=2&d=0.2,0.3,0.5

const LIMITS = {
  reward: { min: -5, max: 5, step: 0.05 },
  share: { min: 0, max: 1, step: 0.01 },
  temperature: { min: 0.5, max: 5, step: 0.05 },
  beta: { min: 0.25, max: 4, step: 0.05 },
  draws: { min: 0.01, max: 0.98 }, // DPO's limit needs every option to be drawn
};
const UNIFORM = [1 / 3, 1 / 3, 1 / 3];

const fresh = (preset) => ({
  preset: preset.id,
  rewards: preset.rewards,
  shares: preset.shares,
  temperature: preset.temperature,
  beta: 1,
  sampling: UNIFORM,
});

// How each part is written in the address, and what it must be.
const PARTS = {
  r: { name: "rewards", rows: true, limits: LIMITS.reward },
  w: { name: "shares", distribution: true, limits: LIMITS.share },
  t: { name: "temperature", limits: LIMITS.temperature },
  b: { name: "beta", limits: LIMITS.beta },
  d: { name: "sampling", distribution: true, limits: LIMITS.draws },
};

function encode(state, presets) {
  const start = fresh(presets.find(({ id }) => id === state.preset));
  const changed = Object.entries(PARTS)
    .filter(([, { name }]) => written(state[name]) !== written(start[name]))
    .map(([key, { name }]) => `${key}=${written(state[name])}`);
  return [`#preset=${state.preset}`, ...changed].join("&");
}

const written = (value) => (Array.isArray(value[0]) ? value.map(written).join(";") : `${value}`);

// Return the state, or throw an error that says what is wrong with the address.
function decode(hash, presets) {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const preset = presets.find(({ id }) => id === (parameters.get("preset") ?? presets[0].id));
  if (!preset) throw new Error(`There is no preset “${parameters.get("preset")}”.`);
  const state = fresh(preset);
  for (const [key, text] of parameters) {
    if (key === "preset") continue;
    if (!Object.hasOwn(PARTS, key)) throw new Error(`“${key}” is not part of a state.`);
    state[PARTS[key].name] = read(text, PARTS[key]);
  }
  return state;
}

function read(text, { name, rows, distribution, limits }) {
  const lines = text.split(";").map((line) => line.split(",").map(number));
  const [height, width] = [rows ? 3 : 1, rows || distribution ? 3 : 1];
  const { min, max } = limits;
  const fits =
    lines.length === height &&
    lines.every((line) => line.length === width && line.every((x) => x >= min && x <= max)) &&
    (!distribution || Math.abs(total(lines[0]) - 1) <= 1e-6);
  if (!fits) {
    const what = rows ? "three lines of three numbers" : distribution ? "three shares" : "a number";
    const sum = distribution ? " that sum to 1" : "";
    throw new Error(
      `The ${name} must be ${what} from ${min} to ${max}${sum}; the address says “${text}”.`,
    );
  }
  return rows ? lines : distribution ? lines[0] : lines[0][0];
}

const number = (text) => (text.trim() === "" ? NaN : Number(text));

// A share is set, and the others keep their proportions.
function withShare(shares, which, share) {
  const others = total(shares) - shares[which];
  const rest = (old) => (others > 1e-9 ? (old / others) * (1 - share) : (1 - share) / 2);
  return rounded(shares.map((old, i) => (i === which ? share : rest(old))));
}

// The distribution itself, or the nearest in direction that draws every option often enough.
function inside(d) {
  const { min } = LIMITS.draws;
  const spare = normalized(d.map((mass) => Math.max(mass - min, 0)));
  return rounded(spare.map((mass) => min + (1 - 3 * min) * mass));
}

// Four decimals keep addresses short; the largest share takes what rounding leaves.
function rounded(shares) {
  const parts = shares.map((share) => Math.round(share * 1e4));
  parts[parts.indexOf(Math.max(...parts))] += 1e4 - total(parts);
  return parts.map((part) => part / 1e4);
}
