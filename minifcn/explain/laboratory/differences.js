// What a derivative of <g, y> is held against: y, computed with a number a little larger and a little smaller.

const H = 2 ** -17;  // the usual step: a power of 2, so that x + h and x - h are exact
const ROUNDING = 8 * 2 ** -52;  // of a sum of some products, as a part of their sizes

function everyNumber(values) {  // the places of all numbers of a nested list, as [list, index]
  return values.flatMap((value, index) => (Array.isArray(value) ? everyNumber(value) : [[values, index]]));
}

// The slope of <g, y> when some numbers move together. Where a number of y has a kink, as max-pooling has at a tie, it
// has a slope on either side, and anything between them will do: `low` and `high` are the sums of these. `noise` is what
// the rounding of y may do to them: `sizes` says how large the numbers are that each number of y adds up.
function slope(places, g, y, {step, sizes}) {
  const here = y(), before = places.map(([list, index]) => list[index]);
  const at = (by) => {
    places.forEach(([list, index], n) => { list[index] = before[n] + by; });
    return y();
  };
  const after = at(step), behind = at(-step), found = {central: 0, low: 0, high: 0, noise: 0};
  at(0);
  g.forEach((weight, n) => {
    const sides = [weight * (after[n] - here[n]) / step, weight * (here[n] - behind[n]) / step];
    found.central += (sides[0] + sides[1]) / 2;
    found.low += Math.min(...sides);
    found.high += Math.max(...sides);
    found.noise += Math.abs(weight) * sizes[n] * ROUNDING / step;
  });
  return found;
}

// "right"; "kink" where there is no derivative, and `analytic` is one of the numbers that will do; "wrong".
function judged(analytic, {central, low, high, noise}) {
  const small = tolerance(analytic, {low, high, noise});
  if (high - low > 100 * small) return low - small <= analytic && analytic <= high + small ? "kink" : "wrong";
  return Math.abs(analytic - central) <= small ? "right" : "wrong";
}

// Large numbers round more, and of small ones a difference that is small may be all there is.
const tolerance = (analytic, {low, high, noise}) =>
  1e-5 * Math.max(Math.abs(analytic), Math.abs(low), Math.abs(high)) + noise;

// A quotient has no more right digits than its tolerance leaves.
function rounded(value, small) {
  return small > 0 ? Number(value.toFixed(Math.max(0, Math.min(100, -Math.floor(Math.log10(small)))))) : value;
}
