// Softmax cross-entropy of every pixel, and its mean over those that count. As in minifcn/functional/loss.py.

const IGNORED = 255;

function softmax(scores) {  // of one pixel
  const top = Math.max(...scores), powers = scores.map((score) => Math.exp(score - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

const weightOf = (label, weights) => (label === IGNORED ? 0 : weights[label]);
const sumOfWeights = (labels, weights) => labels.flat().reduce((sum, label) => sum + weightOf(label, weights), 0) || 1;

function crossEntropy(scores, labels, weights) {
  let sum = 0;
  labels.forEach((row, i) => row.forEach((label, j) => {
    if (label === IGNORED) return;
    const pixel = scores.map((plane) => plane[i][j]), top = Math.max(...pixel);
    const logSum = top + Math.log(pixel.reduce((total, score) => total + Math.exp(score - top), 0));
    sum += weights[label] * (logSum - pixel[label]);
  }));
  return sum / sumOfWeights(labels, weights);
}

function crossEntropyBackward(g, scores, labels, weights) {  // (softmax - onehot) · w / sum of the weights
  const dscores = zeros(scores.length, ...sizeOf(scores)), total = sumOfWeights(labels, weights);
  labels.forEach((row, i) => row.forEach((label, j) => {
    if (label === IGNORED) return;
    softmax(scores.map((plane) => plane[i][j])).forEach((share, c) => {
      dscores[c][i][j] = g * (share - (c === label ? 1 : 0)) * weights[label] / total;
    });
  }));
  return dscores;
}
