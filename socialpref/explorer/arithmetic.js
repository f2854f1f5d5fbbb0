// The arithmetic, for any number of groups and options. Functions, names and conventions are those
// of the Python package: P[y][z] is how often option y beats z, d the sampling distribution, w the
// shares.

const TIE_TOLERANCE = 1e-12; // scores this close are tied
const SLIVER = 1e-9; // cells with a smaller share of the triangle are rounding

const total = (values) => values.reduce((sum, value) => sum + value, 0);
const dot = (a, b) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const normalized = (weights) => weights.map((weight) => weight / total(weights));
const neighbours = (list) => list.slice(1).map((item, i) => [list[i], item]);
const upTo = (size) => Array.from({ length: size }, (_, i) => i);
const largest = (values) => Math.max(...values.map(Math.abs));

// How often each option beats each other one in one group.
const preferencesOf = (reward, temperature) =>
  reward.map((r) => reward.map((s) => sigmoid((r - s) / temperature)));

// The mean of matrices, with weights w.
function weighted(matrices, w) {
  const mean = matrices[0].map((row) => row.map(() => 0));
  matrices.forEach((matrix, u) =>
    matrix.forEach((row, y) => row.forEach((value, z) => (mean[y][z] += w[u] * value))),
  );
  return mean;
}

const preferences = (rewards, shares, temperature) =>
  weighted(
    rewards.map((reward) => preferencesOf(reward, temperature)),
    shares,
  );

const nbc = (P, d) => P.map((row) => dot(row, d));
const meanRewards = (rewards, shares) =>
  rewards[0].map((_, y) => total(shares.map((share, u) => share * rewards[u][y])));

// Options from best to worst; those in one group are tied.
function rank(scores, tolerance = TIE_TOLERANCE) {
  const order = upTo(scores.length).sort((y, z) => scores[z] - scores[y]);
  const slack = tolerance * Math.max(1, largest(scores));
  const groups = [[order[0]]];
  for (const [y, z] of neighbours(order)) {
    if (scores[y] - scores[z] > slack) groups.push([z]);
    else groups.at(-1).push(z);
  }
  return groups.map((group) => group.sort((y, z) => y - z));
}

// The nearest distribution at which `below` catches up with `above`, where the scores of options
// are table . distribution. Mass moves from where it helps `below` least to where it helps most: a
// fractional knapsack. Gains as close as scores that count as tied are equal: which is larger is
// rounding.
function pairFlip(table, above, below, base) {
  const pair = [above, below];
  const gains = base.map((_, i) => table[below][i] - table[above][i]);
  const best = Math.max(...gains);
  if (best < -TIE_TOLERANCE) return { pair, distance: Infinity, mix: null };
  const receiver = gains.indexOf(best);
  const mix = [...base];
  let missing = -dot(gains, base);
  let distance = 0;
  for (const i of upTo(base.length).sort((i, j) => gains[i] - gains[j])) {
    const worth = best - gains[i];
    if (missing <= 0 || worth <= TIE_TOLERANCE) break;
    const enough = missing / worth;
    const moved = Math.min(enough, base[i]);
    mix[i] -= moved;
    mix[receiver] += moved;
    distance += moved;
    if (enough <= base[i]) break;
    missing -= moved * worth;
  }
  return { pair, distance, mix };
}

// The nearest change of the ranking. Only neighbours in the order need looking at. NaN if all
// options are tied, so that there is no order to change; Infinity if nothing changes it.
function rankingFlip(table, base) {
  const flips = neighbours(rank(nbc(table, base))).flatMap(([upper, lower]) =>
    upper.flatMap((a) => lower.map((b) => pairFlip(table, a, b, base))),
  );
  const none = { pair: null, distance: NaN, mix: null };
  return flips.reduce(
    (best, flip) => (flip.distance < best.distance ? flip : best),
    flips[0] ?? none,
  );
}

// The corners of the triangle of three options: all their draws go to one of them. The draws of the
// other options stay as they are.
function triangle(d, options) {
  const shared = total(options.map((y) => d[y]));
  return options.map((corner) =>
    d.map((mass, y) => (y === corner ? shared : options.includes(y) ? 0 : mass)),
  );
}

// The triangle divided by the ranking, or, of more than three options, by the winner: convex
// polygons, whose points are shares of the three corners.
function cells(P, corners) {
  const size = P.length;
  const scores = corners.map((d) => nbc(P, d));
  const ahead = (a, b) => scores.map((score) => score[a] - score[b]);
  const level = (a, b) => largest(ahead(a, b)) <= TIE_TOLERANCE;
  const found = (size === 3 ? orders(size, level) : winners(size, level)).map(
    ({ groups, steps }) => {
      const polygon = steps.reduce((points, [a, b]) => clip(points, ahead(a, b)), UNIT);
      return { groups, corners: polygon, share: area(polygon) };
    },
  );
  return found.filter(({ share }) => share > SLIVER);
}

const UNIT = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

// Every ranking, with the pairs (ahead, behind) that make it. Options that are level everywhere are
// tied, and only the order that lists them by number stands for the ranking.
function orders(size, level) {
  return permutations(upTo(size)).flatMap((order) => {
    const pairs = neighbours(order);
    if (pairs.some(([a, b]) => level(a, b) && a > b)) return [];
    const groups = [[order[0]]];
    for (const [a, b] of pairs) {
      if (level(a, b)) groups.at(-1).push(b);
      else groups.push([b]);
    }
    return [{ groups, steps: pairs.filter(([a, b]) => !level(a, b)) }];
  });
}

// Every winner, with the pairs that make it one.
function winners(size, level) {
  return upTo(size).flatMap((y) => {
    const tied = upTo(size).filter((z) => z === y || level(y, z));
    const rest = upTo(size).filter((z) => !tied.includes(z));
    return tied[0] < y ? [] : [{ groups: [tied], steps: rest.map((z) => [y, z]) }];
  });
}

const permutations = (items) =>
  items.length < 2
    ? [items]
    : items.flatMap((first) =>
        permutations(items.filter((item) => item !== first)).map((rest) => [first, ...rest]),
      );

// The part of a convex polygon where gains . point >= 0 (Sutherland and Hodgman).
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

// As a share of the triangle, by the shoelace formula.
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
function answers({ rewards, shares, temperature, beta, sampling, methods, corners }) {
  const [w, d] = [normalized(shares), normalized(sampling)];
  const each = rewards.map((reward) => preferencesOf(reward, temperature));
  const P = weighted(each, w);
  const [scores, means] = [nbc(P, d), meanRewards(rewards, w)];
  const within = each.map((preference) => nbc(preference, d));
  const byGroup = scores.map((_, y) => within.map((score) => score[y])); // NBC in each group
  const flip = rankingFlip(P, d);
  return {
    P,
    shares: w,
    sampling: d,
    nbc: scores,
    order: rank(scores),
    means,
    meansOrder: rank(means),
    flip,
    flipNbc: flip.mix && nbc(P, flip.mix),
    sharesFlip: rankingFlip(byGroup, w),
    cells: rewards[0].length > 2 ? cells(P, triangle(d, corners)) : [],
    learned: learned(methods, { P, d, w, rewards, means, temperature, beta }),
  };
}
