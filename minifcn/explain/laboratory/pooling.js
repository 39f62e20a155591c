// Max-pooling, channel by channel: the padding is less than any number, ties go to the first pixel, and a gradient goes
// to the pixel that won. As in minifcn/compute/pooling.py.

// For each window the pixels (i, j) that hold its maximum, in the order in which they are read.
function largest(plane, window, ceilMode) {
  const size = [plane.length, plane[0].length], [rows, columns] = outputSize(size, window, ceilMode);
  const best = range(rows).map(() => range(columns).map(() => ({value: -Infinity, pixels: []})));
  for (const {a, b, i, j} of meetings([rows, columns], size, window)) {
    const found = best[a][b], value = plane[i][j];
    if (value > found.value) best[a][b] = {value, pixels: [[i, j]]};
    else if (value === found.value) found.pixels.push([i, j]);
  }
  return best;
}

function maxPool2d(x, window, ceilMode = false) {
  return x.map((plane) => largest(plane, window, ceilMode).map((row) => row.map(({value}) => value)));
}

function maxPool2dBackward(g, x, window, ceilMode = false) {
  const dx = zeros(x.length, ...sizeOf(x));
  x.forEach((plane, c) => largest(plane, window, ceilMode).forEach((row, a) => row.forEach(({pixels}, b) => {
    const [i, j] = pixels[0];
    dx[c][i][j] += g[c][a][b];
  })));
  return dx;
}
