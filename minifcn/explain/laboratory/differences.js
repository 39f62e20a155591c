// What the derivative is held against: the loss, computed with a number a little larger and a little smaller.

const H = 2 ** -17;  // a power of 2, so that x + h and x - h are exact

// For each number of a nested list: the slopes of `loss` behind and before it, and their mean, the central difference.
function differences(values, loss) {
  const here = loss();
  return everyNumber(values).map(([list, index]) => {
    const value = list[index], at = (v) => { list[index] = v; return loss(); };
    const after = (at(value + H) - here) / H, before = (here - at(value - H)) / H;
    list[index] = value;
    return {before, after, central: (before + after) / 2};
  });
}

function everyNumber(values) {  // the places of all numbers, as [list, index]
  return values.flatMap((value, index) => (Array.isArray(value) ? everyNumber(value) : [[values, index]]));
}

const product = (g, y) => {  // <g, y>
  const numbers = y.flat(2);
  return g.flat(2).reduce((sum, value, n) => sum + value * numbers[n], 0);
};

// The slopes behind and before it along a direction, a list of places [list, index] that all move together.
function slopesAlong(direction, loss) {
  const here = loss(), before = direction.map(([list, index]) => list[index]);
  const at = (step) => {
    direction.forEach(([list, index], n) => { list[index] = before[n] + step; });
    return loss();
  };
  const slopes = {after: (at(H) - here) / H, before: (here - at(-H)) / H};
  at(0);
  return {...slopes, central: (slopes.before + slopes.after) / 2};
}

// "right"; "kink" where there is no derivative and `analytic` lies between the slopes of both sides; "wrong".
function judged(analytic, {before, after, central}) {
  const small = 1e-5 * Math.max(1, Math.abs(analytic), Math.abs(before), Math.abs(after));
  if (Math.abs(before - after) > 100 * small) {
    const [low, high] = before < after ? [before, after] : [after, before];
    return low - small <= analytic && analytic <= high + small ? "kink" : "wrong";
  }
  return Math.abs(analytic - central) <= small ? "right" : "wrong";
}
