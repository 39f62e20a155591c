// Wrong ways back, as they are often written. Each says what it does, and where nothing of it can be seen.

const MISTAKES = {
  conv: [
    {name: "no-flip", title: "dx with the kernel turned", hidden: "the kernel is the same when turned"},
    {name: "no-crop", title: "the padding is forgotten", hidden: "P = 0"},
    {name: "wrong-stride", title: "the wrong stride"},
    {name: "mean-bias", title: "dbias is the mean, not the sum", hidden: "g has one pixel, or adds up to 0"},
  ],
  "max-pool": [
    {name: "every-tie", title: "each of equal numbers gets g", hidden: "no window has two equal maxima"},
    {name: "overwrite", title: "dx = g instead of dx += g", hidden: "no pixel wins in two windows"},
    {name: "average", title: "g is spread evenly over the window", hidden: "each window has one pixel"},
  ],
  "cross-entropy": [
    {name: "no-onehot", title: "softmax, nothing subtracted"},
    {name: "count-all", title: "divided by all pixels, ignored ones too", hidden: "no pixel is ignored"},
    {name: "ignored-too", title: "ignored pixels have a gradient", hidden: "no pixel is ignored"},
  ],
};
MISTAKES["conv-transpose"] = MISTAKES.conv;

// What of the lines of the way back a mistake writes otherwise.
const OTHERWISE = {
  "no-flip": [["w[k,l]", "w[K-1-k,K-1-l]"]],
  "no-crop": [[" - P", ""]],
  "mean-bias": [["dbias += g[a,b]", "dbias += g[a,b] / g.size"]],
  "every-tie": [["the first of the largest", "each of the largest"]],
  overwrite: [["+= g", "= g"]],
  average: [["winner(a,b)] += g[a,b]", "pixel] += g[a,b] / len(window(a,b))"], ["winner: the first of the largest",
    "for every pixel of the window"]],
  "no-onehot": [[" - onehot", ""]],
  "count-all": [["sum(w)", "labels.size"]],
  "ignored-too": [["that is not ignored", "whether ignored or not"]],
};

function mistakenLine(line, {mistake, S}) {
  const changes = mistake === "wrong-stride" ? [["S*", `${S === 1 ? 2 : 1}*`]] : OTHERWISE[mistake] ?? [];
  return changes.reduce((text, [right, wrong]) => text.replaceAll(right, wrong), line);
}

// Of a convolution: window, and weight for dx, with which the backward pass then goes wrong.
function mistaken(mistake, window, weight) {
  if (mistake === "no-flip") return {window, weight: turned(weight)};
  if (mistake === "no-crop") return {window: {...window, P: 0}, weight};
  if (mistake === "wrong-stride") return {window: {...window, S: window.S === 1 ? 2 : 1}, weight};
  return {window, weight};
}

// Of a pool: pixels (i, j) of one window and the share of g that each is given.
function shares(mistake, winners, members) {
  if (mistake === "every-tie") return winners.map((pixel) => [pixel, 1]);
  if (mistake === "average") return members.map((pixel) => [pixel, 1 / members.length]);
  return [[winners[0], 1]];
}
