// Kernel size K, stride S, padding P and dilation D of a window, the same along rows and columns; maps are lists of
// channels of rows. As in minifcn/compute/window.py.

const range = (n) => Array.from({length: n}, (_, i) => i);
const zeros = (channels, rows, columns) =>
  range(channels).map(() => range(rows).map(() => new Array(columns).fill(0)));
const sizeOf = (map) => [map[0].length, map[0][0].length];

function outputSize([height, width], {K, S, P, D}, ceilMode = false) {
  return [height, width].map((n) => {
    const room = n + 2 * P - D * (K - 1) - 1;
    const windows = (ceilMode ? Math.ceil(room / S) : Math.floor(room / S)) + 1;
    return ceilMode && (windows - 1) * S >= n + P ? windows - 1 : windows;  // none may start in the padding
  });
}

function transposedSize([height, width], {K, S, P, D}, outputPadding = 0) {
  return [height, width].map((n) => (n - 1) * S - 2 * P + D * (K - 1) + 1 + outputPadding);
}

// The 1s of the gather matrix A: window (a, b) has pixel (i, j) under its place (k, l). In the padding there is none.
function allMeetings([windowRows, windowColumns], [height, width], {K, S, P, D}) {
  const found = [];
  for (let a = 0; a < windowRows; a++) for (let b = 0; b < windowColumns; b++)
    for (let k = 0; k < K; k++) for (let l = 0; l < K; l++) {
      const i = S * a + D * k - P, j = S * b + D * l - P;
      if (0 <= i && i < height && 0 <= j && j < width) found.push({a, b, k, l, i, j});
    }
  return found;
}

const remembered = new Map();  // difference quotients ask for the same ones hundreds of times

function meetings(windows, pixels, window) {
  const key = [windows, pixels, window.K, window.S, window.P, window.D].join();
  if (remembered.size > 20) remembered.clear();
  if (!remembered.has(key)) remembered.set(key, allMeetings(windows, pixels, window));
  return remembered.get(key);
}
