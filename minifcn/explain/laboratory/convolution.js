// Convolution, transposed convolution and weight gradient: three sides of one number, <y, W A x>. The loop is the same
// three times; what stands on the left changes. As in minifcn/compute/convolution.py.
// weight[o][c] is a kernel of K rows; o counts the channels of y, c those of x.

function convolve(x, weight, window, windows) {  // y = W A x
  const y = zeros(weight.length, ...windows);
  for (const {a, b, k, l, i, j} of meetings(windows, sizeOf(x), window))
    for (let o = 0; o < y.length; o++) for (let c = 0; c < x.length; c++)
      y[o][a][b] += weight[o][c][k][l] * x[c][i][j];
  return y;
}

function convolveTransposed(y, weight, window, size) {  // x = Aᵀ Wᵀ y
  const x = zeros(weight[0].length, ...size);
  for (const {a, b, k, l, i, j} of meetings(sizeOf(y), size, window))
    for (let o = 0; o < y.length; o++) for (let c = 0; c < x.length; c++)
      x[c][i][j] += weight[o][c][k][l] * y[o][a][b];
  return x;
}

function convolveWeight(x, y, window) {  // W' = y (A x)ᵀ
  const weight = y.map(() => zeros(x.length, window.K, window.K));
  for (const {a, b, k, l, i, j} of meetings(sizeOf(y), sizeOf(x), window))
    for (let o = 0; o < y.length; o++) for (let c = 0; c < x.length; c++)
      weight[o][c][k][l] += y[o][a][b] * x[c][i][j];
  return weight;
}

const addBias = (y, bias) => y.map((plane, o) => plane.map((row) => row.map((value) => value + bias[o])));
const sumOfMap = (g) => g.map((plane) => plane.flat().reduce((sum, value) => sum + value, 0));

function conv2d(x, weight, bias, window) {
  return addBias(convolve(x, weight, window, outputSize(sizeOf(x), window)), bias);
}

function conv2dBackward(g, x, weight, window) {
  return {
    x: convolveTransposed(g, weight, window, sizeOf(x)),
    weight: convolveWeight(x, g, window),
    bias: sumOfMap(g),
  };
}

function convTranspose2d(x, weight, bias, window, outputPadding = 0) {
  return addBias(convolveTransposed(x, weight, window, transposedSize(sizeOf(x), window, outputPadding)), bias);
}

function convTranspose2dBackward(g, x, weight, window) {
  return {
    x: convolve(g, weight, window, sizeOf(x)),
    weight: convolveWeight(g, x, window),
    bias: sumOfMap(g),
  };
}
