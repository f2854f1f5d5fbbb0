// What each method learns with unlimited comparisons, in units of the Python package's options: the
// implicit rewards h, of which the policy is exp(h / beta), the policy itself, or an order only.
// The reference is uniform.

const EPSILON = 0.1; // the rate of flipped labels that conservative and robust DPO assume
const GAMMA = 0.5; // SimPO's margin
const TAU = 1; // of IPO and of Nash learning
const CLASSES = 3; // latent classes that are fitted
const EQUAL = 1e-6; // shares that differ by less are equal
const POLICY_TIE = 1e-9; // probabilities this close are tied

class NoLimit extends Error {}

const METHODS = [
  { id: "dpo", name: "DPO", rewards: ({ P, d }) => marginFit(P, d) },
  { id: "conservative-dpo", name: `Conservative DPO, ε ${EPSILON}`, rewards: conservativeDPO },
  { id: "robust-dpo", name: `Robust DPO, ε ${EPSILON}`, rewards: robustDPO },
  { id: "on-policy-dpo", name: "On-policy DPO", rewards: onPolicyDPO },
  {
    id: "ipo",
    name: `IPO, τ ${TAU}`,
    rewards: ({ P, d }) => nbc(P, d).map((score) => score / TAU),
  },
  { id: "chi-po", name: "χPO", policy: chiPO },
  { id: "simpo", name: `SimPO, γ ${GAMMA}`, rewards: ({ P, d }) => marginFit(P, d, GAMMA) },
  { id: "nash", name: `Nash learning, τ ${TAU}`, rewards: nashLearning },
  { id: "maximal-lottery", name: "Maximal lottery", policy: maximalLottery },
  { id: "agreement", name: "Agreement-only", rewards: agreementOnly },
  { id: "reward-averaging", name: "Reward averaging", rewards: rewardAveraging },
  { id: "latent-classes", name: `${CLASSES} latent classes`, rewards: latentClasses },
  { id: "orthogonal", name: "Orthogonal loss", rewards: rewardAveraging },
  { id: "vote-counts", name: "Counts of votes", rewards: agreementOnly },
  { id: "maxmin(c=zero)", name: "MaxMin, from 0", rewards: (about) => worstOff(about, () => 0) },
  {
    id: "maxmin(c=reference)",
    name: "MaxMin, from the reference",
    rewards: (about) => worstOff(about, (reward) => total(reward) / reward.length),
  },
  { id: "maxmin(c=best)", name: "MaxMin, from the best", rewards: minMaxRegret },
  { id: "min-max-regret", name: "Min-max regret", rewards: minMaxRegret },
  { id: "sign", name: "Sign estimator", order: signOrder },
  { id: "optimal", name: "Optimum", rewards: ({ means }) => means },
];

// Each chosen method with its policy and order, or why it has none.
function learned(methods, about) {
  const chosen = METHODS.filter(({ id }) => methods.includes(id));
  return chosen.map(({ id, name, rewards, policy, order }) => {
    const none = { id, name, policy: null, order: null, note: "" };
    try {
      if (order) return { ...none, order: order(about), note: "An order only, no policy." };
      const found = policy ? policy(about) : policyOf(rewards(about), about.beta);
      return { ...none, policy: found, order: rank(found, POLICY_TIE) };
    } catch (problem) {
      if (!(problem instanceof NoLimit)) throw problem;
      return { ...none, note: problem.message };
    }
  });
}

// The policy of implicit rewards.
function policyOf(rewards, beta) {
  const highest = Math.max(...rewards);
  return normalized(rewards.map((reward) => Math.exp((reward - highest) / beta)));
}

// --- Fits of a margin: DPO and its relatives ---------------------------------------------------

// The rewards at the minimum of the sum over pairs of d(y) d(z) P(y, z) l(h(y) - h(z)), with
// l(m) = -log sigma(m - ahead), by Newton's method. With ahead 0 it is the Bradley-Terry fit.
function marginFit(P, d, ahead = 0) {
  const size = d.length;
  const pairs = upTo(size).flatMap((y) => upTo(size).flatMap((z) => (y === z ? [] : [[y, z]])));
  const weight = ([y, z]) => d[y] * d[z] * P[y][z];
  const lossAt = (h) =>
    total(pairs.map(([y, z]) => weight([y, z]) * softplus(ahead - h[y] + h[z])));
  const stepAt = (h) => {
    const gradient = h.map(() => 0);
    const hessian = h.map(() => h.map(() => 0));
    for (const [y, z] of pairs) {
      const missed = sigmoid(ahead - h[y] + h[z]);
      const pull = weight([y, z]) * missed;
      const bend = pull * sigmoid(h[y] - h[z] - ahead);
      gradient[y] -= pull;
      gradient[z] += pull;
      hessian[y][y] += bend;
      hessian[z][z] += bend;
      hessian[y][z] -= bend;
      hessian[z][y] -= bend;
    }
    return stepOfRewards(hessian, gradient);
  };
  return newton(
    "The fit",
    upTo(size).map(() => 0),
    stepAt,
    lossAt,
  );
}

const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const centred = (values) => values.map((value) => value - total(values) / values.length);

// DPO on preferences that are closer to 1/2.
function conservativeDPO({ P, d }) {
  const smoothed = P.map((row) => row.map((p) => EPSILON + (1 - 2 * EPSILON) * p));
  return marginFit(smoothed, d);
}

// DPO on preferences from which noise is taken away that is not there. They can leave [0, 1]; the
// loss has a minimum if no set of options wins more often than rewards allow.
function robustDPO({ P, d }) {
  const corrected = P.map((row) => row.map((p) => (p - EPSILON) / (1 - 2 * EPSILON)));
  const wins = nbc(corrected, d);
  for (const members of subsets(d.length)) {
    const mass = total(members.map((y) => d[y]));
    const won = total(members.map((y) => d[y] * wins[y]));
    if (members.length < d.length && won >= mass * (1 - mass / 2)) {
      throw new NoLimit("No limit: some options win more often than any rewards allow.");
    }
  }
  return marginFit(corrected, d);
}

const subsets = (size) =>
  upTo(2 ** size - 1).map((code) => upTo(size).filter((y) => ((code + 1) >> y) & 1));

// The ratio x of the policy to the reference solves x + log x = h / beta + c, with DPO's rewards h;
// c makes the probabilities sum to 1. Newton's method from above, where both functions are convex.
function chiPO({ P, d, beta }) {
  const logits = marginFit(P, d).map((reward) => reward / beta);
  let c = 1 - Math.min(...logits);
  for (let i = 0; i < 100; i++) {
    const ratios = logits.map((logit) => ratioAt(logit + c));
    const slope = total(ratios.map((x) => x / (1 + x)));
    const step = (total(ratios) - ratios.length) / slope;
    c -= step;
    if (Math.abs(step) <= 1e-14 * Math.max(1, Math.abs(c))) return normalized(ratios);
  }
  throw new Error("χPO's limit was not reached.");
}

// x with x + log x = level; t is its logarithm.
function ratioAt(level) {
  let t = level > 1 ? Math.log(level) : level;
  for (let i = 0; i < 50; i++) {
    const x = Math.exp(t);
    const step = (x + t - level) / (1 + x);
    t -= step;
    if (Math.abs(step) <= 1e-15 * Math.max(1, Math.abs(t))) break;
  }
  return Math.exp(t);
}

// --- Averages of rewards -----------------------------------------------------------------------

// With the logistic link the model of each group finds its rewards, in units of the temperature.
function rewardAveraging({ means, temperature }) {
  return means.map((mean) => mean / temperature);
}

// One label of each group, or how many vote for an option: equal weights.
function agreementOnly({ rewards, w, temperature }) {
  if (Math.max(...w) - Math.min(...w) > EQUAL) {
    throw new NoLimit("No limit: one label of each group needs groups of equal shares.");
  }
  const equal = w.map(() => 1 / w.length);
  return meanRewards(rewards, equal).map((mean) => mean / temperature);
}

function latentClasses(about) {
  const there = about.rewards.filter((_, u) => about.w[u] > 0);
  const distinct = new Set(there.map((reward) => `${centred(reward)}`));
  if (distinct.size > CLASSES) {
    throw new NoLimit(`No limit: ${distinct.size} groups that differ need as many classes.`);
  }
  return rewardAveraging(about);
}

// --- An order --------------------------------------------------------------------------------

// The order that the fewest comparisons contradict: the most of d(y) d(z) (P(y, z) - 1/2) over the
// pairs that it puts y first in.
function signOrder({ P, d }) {
  const lead = (y, z) => d[y] * d[z] * (P[y][z] - 0.5);
  const agreement = (order) =>
    total(order.map((y, place) => total(order.slice(place + 1).map((z) => lead(y, z)))));
  const all = permutations(upTo(d.length));
  const values = all.map(agreement);
  const most = Math.max(...values);
  const best = all.filter((_, i) => values[i] >= most - TIE_TOLERANCE);
  if (best.length > 1) throw new NoLimit("Several orders agree with as many comparisons.");
  return best[0].map((y) => [y]);
}
