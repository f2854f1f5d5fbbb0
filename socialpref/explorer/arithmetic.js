// The arithmetic, for any number of types and three options. Functions, names and conventions are
// those of the Python package: P[y][z] is how often option y beats z, d the sampling distribution.

const TIE_TOLERANCE = 1e-12; // scores this close are tied
const RESIDUAL = 1e-12; // the largest stationarity residual of a DPO limit
const SLIVER = 1e-9; // cells with a smaller share of the simplex are rounding

const total = (values) => values.reduce((sum, value) => sum + value, 0);
const dot = (a, b) => total(a.map((value, i) => value * b[i]));
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const normalized = (weights) => weights.map((weight) => weight / total(weights));
const neighbours = (list) => list.slice(1).map((item, i) => [list[i], item]);

function preferences(rewards, shares, temperature) {
  const options = [0, 1, 2];
  return options.map((y) =>
    options.map((z) =>
      dot(
        shares,
        rewards.map((r) => sigmoid((r[y] - r[z]) / temperature)),
      ),
    ),
  );
}

const nbc = (P, d) => P.map((row) => dot(row, d));
const meanRewards = (rewards, shares) =>
  [0, 1, 2].map((y) =>
    dot(
      shares,
      rewards.map((r) => r[y]),
    ),
  );
const totalVariation = (d, e) => total(d.map((mass, y) => Math.abs(mass - e[y]))) / 2;

// Options from best to worst; those in one group are tied.
function rank(scores) {
  const order = [0, 1, 2].sort((y, z) => scores[z] - scores[y]);
  const slack = TIE_TOLERANCE * Math.max(1, ...scores.map(Math.abs));
  const groups = [[order[0]]];
  for (const [y, z] of neighbours(order)) {
    if (scores[y] - scores[z] > slack) groups.push([z]);
    else groups.at(-1).push(z);
  }
  return groups.map((group) => group.sort());
}

// The nearest sampling distribution at which `below` catches up with `above`. Mass moves from the
// options that help `below` least to the one that helps it most: a fractional knapsack. Gains as
// close as scores that count as tied are equal: which is larger is rounding.
function pairFlip(P, above, below, base) {
  const pair = [above, below];
  const gains = base.map((_, z) => P[below][z] - P[above][z]);
  const best = Math.max(...gains);
  if (best < -TIE_TOLERANCE) return { pair, distance: Infinity, sampling: null };
  const receiver = gains.indexOf(best);
  const sampling = [...base];
  let missing = -dot(gains, base);
  let distance = 0;
  for (const y of [0, 1, 2].sort((y, z) => gains[y] - gains[z])) {
    const worth = best - gains[y];
    if (missing <= 0 || worth <= TIE_TOLERANCE) break;
    const enough = missing / worth;
    const moved = Math.min(enough, base[y]);
    sampling[y] -= moved;
    sampling[receiver] += moved;
    distance += moved;
    if (enough <= base[y]) break;
    missing -= moved * worth;
  }
  return { pair, distance, sampling };
}

// The nearest change of the ranking. Only neighbours in the order need looking at. NaN if all
// options are tied, so that there is no order to change; Infinity if nothing changes it.
function rankingFlip(P, base) {
  const flips = neighbours(rank(nbc(P, base))).flatMap(([upper, lower]) =>
    upper.flatMap((a) => lower.map((b) => pairFlip(P, a, b, base))),
  );
  const none = { pair: null, distance: NaN, sampling: null };
  return flips.reduce(
    (best, flip) => (flip.distance < best.distance ? flip : best),
    flips[0] ?? none,
  );
}

// DPO's implicit rewards: the Bradley-Terry fit, by Newton's method, to P. The last option's is
// held at 0, which leaves two unknowns; they are centred in the end.
function dpoRewards(P, d) {
  const W = d.map((a) => d.map((b) => a * b));
  const options = [0, 1, 2];
  const sums = (term) => options.map((y) => total(options.map((z) => W[y][z] * term(y, z))));
  let h = [0, 0, 0];
  const lossAt = (g) => total(sums((y, z) => P[y][z] * softplus(g[z] - g[y])));
  for (let iterations = 0; iterations < 100; iterations++) {
    const gradient = sums((y, z) => sigmoid(h[y] - h[z]) - P[y][z]);
    const residual = Math.max(...gradient.map((slope, y) => Math.abs(slope / d[y])));
    const step = newtonStep(W, h, gradient);
    const moved = (length) => h.map((value, y) => value + length * step[y]);
    if (residual <= RESIDUAL) return { rewards: centred(moved(1)), residual, iterations };
    const slope = dot(gradient, step);
    let length = 1;
    // Next to the minimum the loss is flat to rounding: then a full step is right.
    while (-slope >= 1e-15 && length > 1e-10) {
      if (lossAt(moved(length)) <= lossAt(h) + 1e-4 * length * slope) break;
      length /= 2;
    }
    h = moved(length);
  }
  throw new Error("DPO's limit was not reached in 100 steps.");
}

const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const centred = (values) => values.map((value) => value - total(values) / values.length);

function newtonStep(W, h, gradient) {
  const curvature = (y, z) => W[y][z] * sigmoid(h[y] - h[z]) * sigmoid(h[z] - h[y]);
  const [ab, ac, bc] = [curvature(0, 1), curvature(0, 2), curvature(1, 2)];
  const determinant = ab * ac + ab * bc + ac * bc;
  const [first, second] = gradient;
  return [
    -((ab + bc) * first + ab * second) / determinant,
    -(ab * first + (ab + ac) * second) / determinant,
    0,
  ];
}

// The policy of implicit rewards, with a uniform reference.
function policy(rewards, beta) {
  const highest = Math.max(...rewards);
  return normalized(rewards.map((reward) => Math.exp((reward - highest) / beta)));
}

// The simplex divided by the ranking: convex polygons, as lists of distributions.
function rankingCells(P) {
  const orders = [0, 1, 2].flatMap((a) =>
    [0, 1, 2].filter((b) => b !== a).map((b) => [a, b, 3 - a - b]),
  );
  const cells = [];
  for (const order of orders) {
    const steps = neighbours(order).map(([a, b]) => ({
      a,
      b,
      gains: P[a].map((value, z) => value - P[b][z]),
    }));
    const level = ({ gains }) => Math.max(...gains.map(Math.abs)) <= TIE_TOLERANCE;
    if (steps.some((step) => level(step) && step.a > step.b)) continue; // the same cell again
    const halves = steps.filter((step) => !level(step));
    const corners = halves.reduce(
      (polygon, { gains }) => clip(polygon, gains),
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
    );
    const groups = [[order[0]]];
    for (const step of steps) {
      if (level(step)) groups.at(-1).push(step.b);
      else groups.push([step.b]);
    }
    if (area(corners) > SLIVER) cells.push({ groups, corners, share: area(corners) });
  }
  return cells;
}

// The part of a convex polygon where gains . d >= 0 (Sutherland and Hodgman).
function clip(corners, gains) {
  const values = corners.map((corner) => dot(corner, gains));
  return corners.flatMap((corner, i) => {
    const previous = (i || corners.length) - 1;
    const [before, here] = [values[previous], values[i]];
    const step = before / (before - here);
    const crossing = corner.map((x, k) => corners[previous][k] + step * (x - corners[previous][k]));
    return [...(before * here < 0 ? [crossing] : []), ...(here >= 0 ? [corner] : [])];
  });
}

// As a share of the simplex, by the shoelace formula.
const area = (corners) =>
  Math.abs(
    total(
      corners.map(([x, y], i) => {
        const [nextX, nextY] = corners[(i + 1) % corners.length];
        return x * nextY - y * nextX;
      }),
    ),
  );

// Everything the page shows of a state.
function answers({ rewards, shares, temperature, beta, sampling }) {
  const [w, d] = [normalized(shares), normalized(sampling)];
  const P = preferences(rewards, w, temperature);
  const [scores, means] = [nbc(P, d), meanRewards(rewards, w)];
  const flip = rankingFlip(P, d);
  const fit = dpoRewards(P, d);
  return {
    P,
    shares: w,
    sampling: d,
    nbc: scores,
    order: rank(scores),
    means,
    meansOrder: rank(means),
    dpo: policy(fit.rewards, beta),
    residual: fit.residual,
    optimum: policy(means, beta),
    flip,
    flipNbc: flip.sampling && nbc(P, flip.sampling),
    cells: rankingCells(P),
  };
}
