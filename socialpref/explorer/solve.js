// Linear systems and Newton's method.

// The solution of a square system by elimination, or null where it is singular.
function solve(matrix, right) {
  const rows = matrix.map((row, i) => [...row, right[i]]);
  const size = rows.length;
  const scales = matrix.map(largest);
  for (let k = 0; k < size; k++) {
    let pivot = k;
    for (let i = k + 1; i < size; i++) {
      if (Math.abs(rows[i][k]) * scales[pivot] > Math.abs(rows[pivot][k]) * scales[i]) pivot = i;
    }
    if (!(Math.abs(rows[pivot][k]) > 1e-14 * scales[pivot])) return null;
    [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
    [scales[k], scales[pivot]] = [scales[pivot], scales[k]];
    for (let i = k + 1; i < size; i++) {
      const factor = rows[i][k] / rows[k][k];
      for (let j = k; factor && j <= size; j++) rows[i][j] -= factor * rows[k][j];
    }
  }
  const x = [];
  for (let k = size - 1; k >= 0; k--) {
    let rest = rows[k][size];
    for (let j = k + 1; j < size; j++) rest -= rows[k][j] * x[j];
    x[k] = rest / rows[k][k];
  }
  return x;
}

// Newton's step -H^-1 gradient of rewards that are known up to a constant: the last is held at 0.
function stepOfRewards(hessian, gradient) {
  const inner = hessian.slice(0, -1).map((row) => row.slice(0, -1));
  const step = solve(
    inner,
    gradient.slice(0, -1).map((slope) => -slope),
  );
  return step && centred([...step, 0]);
}

// Where steps end: `stepAt` gives Newton's step, which is halved while `valueAt` rises by more than
// rounding. Where the value is flat to rounding, whole steps are right.
function newton(name, start, stepAt, valueAt) {
  let [x, last] = [start, Infinity];
  for (let iterations = 0; iterations < 200; iterations++) {
    const step = stepAt(x);
    if (!step) break;
    const size = largest(step);
    const moved = (length) => x.map((value, i) => value + length * step[i]);
    const ended = size <= 1e-14 * Math.max(1, largest(x)) || (size < 1e-7 && size >= last / 2);
    if (ended) return centred(moved(1));
    let length = 1;
    const most = valueAt(x) * (1 + 1e-14);
    while (size > 1e-6 && length > 1e-12 && !(valueAt(moved(length)) <= most)) length /= 2;
    [x, last] = [moved(length), size];
  }
  throw new NoLimit(`${name} was not found to all digits.`);
}
