// What a derivative of <g, y> is held against: y, computed with a number a little larger and a little smaller.

const H = 2 ** -17;  // a power of 2, so that x + h and x - h are exact

function everyNumber(values) {  // the places of all numbers of a nested list, as [list, index]
  return values.flatMap((value, index) => (Array.isArray(value) ? everyNumber(value) : [[values, index]]));
}

// The slope of <g, y> when some numbers move together. Where a number of y has a kink, as max-pooling has at a tie, it
// has a slope on either side, and anything between them will do: `low` and `high` are the sums of these.
function slope(places, g, y) {
  const here = y(), before = places.map(([list, index]) => list[index]);
  const at = (step) => {
    places.forEach(([list, index], n) => { list[index] = before[n] + step; });
    return y();
  };
  const after = at(H), behind = at(-H), found = {central: 0, low: 0, high: 0};
  at(0);
  g.forEach((weight, n) => {
    const sides = [weight * (after[n] - here[n]) / H, weight * (here[n] - behind[n]) / H];
    found.central += (sides[0] + sides[1]) / 2;
    found.low += Math.min(...sides);
    found.high += Math.max(...sides);
  });
  return found;
}

// "right"; "kink" where there is no derivative, and `analytic` is one of the numbers that will do; "wrong".
function judged(analytic, {central, low, high}) {
  const small = 1e-5 * Math.max(1, Math.abs(analytic), Math.abs(low), Math.abs(high));
  if (high - low > 100 * small) return low - small <= analytic && analytic <= high + small ? "kink" : "wrong";
  return Math.abs(analytic - central) <= small ? "right" : "wrong";
}
