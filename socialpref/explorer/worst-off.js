// MaxMin and min-max regret: the policy that is best for the group that gains least, where a
// group's rewards are measured from a constant c.

const LEVEL = 1e3; // by how many times as much the gains of groups that count can differ
const RIDGE = 1e-12; // keeps groups that are alike apart; it does not move the solution

// The rewards v . r at the weights v of groups that minimise the dual, beta log sum exp(v . r /
// beta) - v . c. The groups that count are found one by one: Newton's method on those known, of
// which one leaves when its weight falls to 0; then the group that gains least joins them.
function worstOff({ rewards, w, beta }, constant) {
  const there = rewards.filter((_, u) => w[u] > 0);
  const r = there.map(centred);
  const c = there.map((reward) => constant(reward) - total(reward) / reward.length);
  // How far from 0 rounding can leave gains and steps.
  const slack = 1e-15 * largest(there.flat());
  let v = r.map((_, u) => (u === 0 ? 1 : 0));
  let active = [0];
  for (let round = 0; round < 20 * r.length; round++) {
    const found = onActive(r, c, v, active, beta, slack);
    [v, active] = [found.v, found.active];
    const { gains } = found;
    const [least, most] = [Math.min, Math.max].map((of) => of(...active.map((u) => gains[u])));
    const lowest = gains.indexOf(Math.min(...gains.filter((_, u) => !active.includes(u))));
    if (lowest === -1 || gains[lowest] >= least - slack) {
      if (most - least > LEVEL * slack) break;
      return meanRewards(r, v);
    }
    active = [...active, lowest];
  }
  throw new NoLimit("Rounding leaves open which groups count.");
}

// Regret is what a group's best option would give it beyond what it gets.
function minMaxRegret(about) {
  return worstOff(about, (reward) => Math.max(...reward));
}

// The least of the dual over weights of the active groups, of which some may be left out again.
function onActive(r, c, v, active, beta, slack) {
  for (let i = 0; i < 100; i++) {
    const { step, gains } = dualStep(r, c, v, active, beta);
    const known = active.map((u) => gains[u]);
    const level = Math.max(...known) - Math.min(...known) <= LEVEL * slack;
    if (level && largest(meanRewards(r, step)) <= slack) return { v, active, gains };
    const ratio = (u) => (step[u] < 0 ? -v[u] / step[u] : Infinity);
    const first = active.reduce((least, u) => (ratio(u) < ratio(least) ? u : least));
    const room = Math.min(1, ratio(first));
    const moved = (length) => v.map((weight, u) => Math.max(weight + length * step[u], 0));
    const value = dualValue(r, c, v, beta) + slack;
    const falls = (length) =>
      dualValue(r, c, moved(length), beta) <= value + 1e-4 * length * dot(step, gains);
    let length = room;
    while (length > 1e-12 * room && !falls(length)) length /= 2;
    v = moved(length);
    if (length === room && room < 1) {
      active = active.filter((u) => u !== first);
      v = normalized(v.map((weight, u) => (active.includes(u) ? weight : 0)));
    }
  }
  return { v, active, gains: dualStep(r, c, v, active, beta).gains };
}

function dualValue(r, c, v, beta) {
  const logits = meanRewards(r, v).map((reward) => reward / beta);
  const top = Math.max(...logits);
  return beta * (top + Math.log(total(logits.map((x) => Math.exp(x - top))))) - dot(v, c);
}

// Newton's step of the active weights, which keeps their sum, and the gains of all groups.
function dualStep(r, c, v, active, beta) {
  const pi = policyOf(meanRewards(r, v), beta);
  const means = r.map((reward) => dot(reward, pi));
  const gains = means.map((mean, u) => mean - c[u]);
  const curvature = (s, u) =>
    total(pi.map((p, y) => p * (r[s][y] - means[s]) * (r[u][y] - means[u]))) / beta;
  const unit = total(active.map((u) => curvature(u, u))) || 1;
  const rows = active.map((s) => [
    ...active.map((u) => curvature(s, u) + (s === u ? RIDGE * unit : 0)),
    unit,
  ]);
  const found = solve(
    [...rows, [...active.map(() => unit), 0]],
    [...active.map((u) => -gains[u]), 0],
  );
  if (!found) throw new NoLimit("Rounding leaves open which groups count.");
  const step = v.map(() => 0);
  active.forEach((u, i) => (step[u] = found[i]));
  return { step, gains };
}
