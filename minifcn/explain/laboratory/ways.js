// The transposed convolution four times over, each as it is defined. As in minifcn/explain/transposed.py, with
// dilation.
// x: C channels; weight[c][o]: from channel c of x to channel o of y.

function eachPixel(map, visit) {  // visit(c, i, j, value)
  map.forEach((plane, c) => plane.forEach((row, i) => row.forEach((value, j) => visit(c, i, j, value))));
}

const cut = (canvas, top, [rows, columns]) =>
  canvas.map((plane) => plane.slice(top, top + rows).map((row) => row.slice(top, top + columns)));

function byStamps(x, weight, {K, S, P, D}, size) {
  const canvas = zeros(weight[0].length, size[0] + 2 * P, size[1] + 2 * P);
  eachPixel(x, (c, i, j, value) => eachPixel(weight[c], (o, k, l, w) => {
    canvas[o][S * i + D * k][S * j + D * l] += value * w;
  }));
  return cut(canvas, P, size);
}

function byGather(x, weight, {K, S, P, D}, size) {
  const y = zeros(weight[0].length, ...size), [height, width] = sizeOf(x);
  eachPixel(y, (o, a, b) => eachPixel(weight.map((kernels) => kernels[o]), (c, k, l, w) => {
    const i = (a + P - D * k) / S, j = (b + P - D * l) / S;
    if (Number.isInteger(i) && Number.isInteger(j) && 0 <= i && i < height && 0 <= j && j < width)
      y[o][a][b] += x[c][i][j] * w;
  }));
  return y;
}

// The pixels of x moved S apart, as the turned kernel meets them: D(K - 1) - P zeros before them. Where that is
// negative, they begin outside.
function spreadOut(x, {K, S, P, D}, size) {
  const before = D * (K - 1) - P, spread = zeros(x.length, size[0] + D * (K - 1), size[1] + D * (K - 1));
  eachPixel(x, (c, i, j, value) => {
    const row = spread[c][S * i + before];
    if (row && S * j + before in row) row[S * j + before] = value;
  });
  return spread;
}

const turned = (weight) => weight.map((kernels) => kernels.map((kernel) =>
  kernel.map((row) => [...row].reverse()).reverse()));

function byZeroInsertion(x, weight, window, size) {
  const spread = spreadOut(x, window, size), kernels = turned(weight), y = zeros(weight[0].length, ...size);
  for (const {a, b, k, l, i, j} of meetings(size, sizeOf(spread), {...window, S: 1, P: 0}))
    for (let o = 0; o < y.length; o++) for (let c = 0; c < x.length; c++)
      y[o][a][b] += kernels[c][o][k][l] * spread[c][i][j];
  return y;
}

// C of the convolution that has this weight: a row for each pixel of x, a column for each pixel of y; for one o and c.
function convMatrix(kernel, window, windows, size) {
  const C = zeros(1, windows[0] * windows[1], size[0] * size[1])[0];
  for (const {a, b, k, l, i, j} of meetings(windows, size, window))
    C[a * windows[1] + b][i * size[1] + j] += kernel[k][l];
  return C;
}

function byMatrix(x, weight, window, size) {
  return weight[0].map((_, o) => {
    const y = new Array(size[0] * size[1]).fill(0);
    x.forEach((plane, c) => {
      const C = convMatrix(weight[c][o], window, sizeOf(x), size), pixels = plane.flat();
      C.forEach((row, q) => row.forEach((w, p) => { y[p] += w * pixels[q]; }));  // Cᵀ x
    });
    return range(size[0]).map((a) => y.slice(a * size[1], (a + 1) * size[1]));
  });
}
