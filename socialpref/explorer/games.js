// Methods whose answer is an equilibrium: of two policies, or of a policy and its own comparisons.

const LOTTERY_TIE = 1e-9; // lotteries whose probabilities are this close are one
const ROUNDED = 1e-14; // how far below 0 rounding leaves a sum of probabilities and leads

// Two policies meet; each is paid how often its option is preferred, less the divergence from the
// reference: h = P pi / tau, with pi the policy of h.
function nashLearning({ P, beta }) {
  const leads = P.map((row) => row.map((p) => (p - 0.5) / TAU));
  const gapAt = (h) => nbc(leads, policyOf(h, beta)).map((value, y) => value - h[y]);
  const stepAt = (h) => {
    const pi = policyOf(h, beta);
    const slope = leads.map((row, y) =>
      row.map((lead, z) => (pi[z] * (lead - dot(row, pi))) / beta - (y === z ? 1 : 0)),
    );
    return solve(
      slope,
      gapAt(h).map((gap) => -gap),
    );
  };
  const square = (h) => total(gapAt(h).map((gap) => gap ** 2));
  return newton(
    "Nash learning",
    P.map(() => 0),
    stepAt,
    square,
  );
}

// A lottery p that no option beats: p . lead >= 0. All such lotteries are a polytope; its corners
// are where as many of the conditions hold with equality as there are options, the sum being one.
function maximalLottery({ P }) {
  const size = P.length;
  const lead = P.map((row, y) =>
    row.map((p, z) => (Math.abs(p - P[z][y]) <= 2 * TIE_TOLERANCE ? 0 : (p - P[z][y]) / 2)),
  );
  const conditions = [
    ...unitRows(size),
    ...upTo(size).map((z) => lead.map((row) => row[z])), // how far p is ahead of z
  ];
  const corners = [];
  for (const tight of choices(conditions, size - 1)) {
    const corner = solve([...tight, upTo(size).map(() => 1)], [...upTo(size - 1).map(() => 0), 1]);
    const holds = (condition) => tight.includes(condition) || dot(condition, corner) >= -ROUNDED;
    const known = (other) => largest(other.map((p, y) => p - corner[y])) <= LOTTERY_TIE;
    if (corner && conditions.every(holds) && !corners.some(known)) corners.push(corner);
  }
  if (corners.length !== 1)
    throw new NoLimit("Several lotteries are maximal: some options are level.");
  return corners[0].map((p) => Math.max(p, 0));
}

const unitRows = (size) => upTo(size).map((y) => upTo(size).map((z) => (y === z ? 1 : 0)));

const choices = (items, count) =>
  count === 0
    ? [[]]
    : items.flatMap((item, i) =>
        choices(items.slice(i + 1), count - 1).map((others) => [item, ...others]),
      );

// DPO on comparisons that are drawn from its own policy pi: for every option y the sum over z of
// pi(z) [sigma(h(y) - h(z)) - P(y, z)] is 0. Slow rounds of DPO lead near it, Newton's method ends
// it.
function onPolicyDPO({ P, d, beta }) {
  const partsAt = (h) => {
    const pi = policyOf(h, beta);
    const off = h.map((a, y) =>
      h.map((b, z) => pi[z] * (P[z][y] * sigmoid(a - b) - P[y][z] * sigmoid(b - a))),
    );
    const bend = h.map((a) => h.map((b, z) => pi[z] * sigmoid(a - b) * sigmoid(b - a)));
    return { pi, off, bend, gap: off.map(total), scale: bend.map(total) };
  };
  // The gaps, weighted with pi, sum to 0, so that one more condition fits: steps that sum to 0.
  const stepWith = ({ pi, gap, scale }, slope) =>
    solve(
      slope.map((row, y) => row.map((value) => (value + pi[y]) / scale[y])),
      gap.map((value, y) => -value / scale[y]),
    );
  const laplacian = ({ bend, scale }) =>
    bend.map((row, y) => row.map((value, z) => (y === z ? scale[y] : 0) - value));
  let h = marginFit(P, d);
  for (let round = 0; round < 2000; round++) {
    const parts = partsAt(h);
    const step = centred(stepWith(parts, laplacian(parts)));
    if (largest(step) <= 1e-3 * Math.min(1, beta)) break;
    h = h.map((reward, y) => reward + 0.2 * Math.min(1, beta) * step[y]);
  }
  const stepAt = (at) => {
    const parts = partsAt(at);
    const { pi, off, gap } = parts;
    const slope = laplacian(parts).map((row, y) =>
      row.map((value, z) => value + (off[y][z] - gap[y] * pi[z]) / beta),
    );
    return centred(stepWith(parts, slope));
  };
  return newton("On-policy DPO", h, stepAt, (at) => {
    const { gap, scale } = partsAt(at);
    return largest(gap.map((value, y) => value / scale[y]));
  });
}
