// The lines that compute each view, in Python, with the one that runs and the numbers that stand in it.

const CODE = {
  stamps: [
    "for i, j in pixels(x):",
    "    canvas[S*i:S*i+K, S*j:S*j+K] += x[i,j] * w",
    "y = canvas[P:P+H, P:P+W]",
  ],
  gather: [
    "for k, l in places(w):",
    "    i, j = (a+P-k) / S, (b+P-l) / S",
    "    if whole(i, j): y[a,b] += x[i,j] * w[k,l]",
  ],
  insertion: [
    "spread[K-1-P+S*i, K-1-P+S*j] = x[i,j]",
    "for k, l in places(w):",
    "    y[a,b] += spread[a+k, b+l] * w[K-1-k, K-1-l]",
  ],
  transpose: ["for (a, b), (i, j) in entries(C.T):", "    y[a,b] += C.T[(a,b), (i,j)] * x[i,j]"],
  window: ["for k, l in places(w):", "    y[a,b] += x[S*a+k-P, S*b+l-P] * w[k,l]"],
  scatter: [
    "for k, l in places(w):",
    "    a, b = (i+P-k) / S, (j+P-l) / S",
    "    if whole(a, b): y[a,b] += x[i,j] * w[k,l]",
  ],
  im2col: ["A_x[(k,l), (a,b)] = x[S*a+k-P, S*b+l-P]", "y[a,b] += w[(k,l)] * A_x[(k,l), (a,b)]"],
  matrix: ["for (a, b), (i, j) in entries(C):", "    y[a,b] += C[(a,b), (i,j)] * x[i,j]"],
};
const LIT = {stamps: 1, gather: 2, insertion: 2, transpose: 1, window: 1, scatter: 2, im2col: 1, matrix: 1};

// With dilation D every k and l of the kernel is D pixels wide.
function dilated(line, D) {
  if (D === 1) return line;
  return line.replaceAll(/(?<=[-+] ?)([kl])\b/g, "D*$1").replaceAll("K-1-P", "D*(K-1)-P")
    .replaceAll(/(S\*[ij]):S\*[ij]\+K/g, "$1:$1+D*(K-1)+1:D").replaceAll("K-1-D*k", "K-1-k").replaceAll("K-1-D*l",
      "K-1-l");
}

function codeOf(view, model) {
  const lines = CODE[view].map((line) => dilated(line, model.state.D)), one = model.newest ?? model.madeSoFar.at(-1);
  if (!one || !model.t) return {lines, lit: -1, numbers: ""};
  return {lines, lit: LIT[view], numbers: substituted(view, model, one)};
}

const at = (n) => (n < 0 ? `(${n})` : String(n));

function substituted(view, model, one) {
  const {S, P, K, D} = model.state, {a, b, k, l, i, j} = one, {before, product, after} = addition(model, one);
  const d = D > 1 ? `${D}·` : "", name = pixel("y", a, b), adds = `${name} = ${before} + ${product} = ${after}`;
  const place = {
    stamps: `canvas[${S}·${i}+${d}${k}, ${S}·${j}+${d}${l}]`,
    gather: `i, j = (${at(a)}+${P}-${d}${k})/${S}, (${at(b)}+${P}-${d}${l})/${S} = ${i}, ${j}`,
    insertion: `spread[${at(a)}+${d}${K - 1 - k}, ${at(b)}+${d}${K - 1 - l}] = x[${i},${j}]`,
    transpose: `C.T[(${a},${b}), (${i},${j})] = w[${k},${l}]`,
    window: `x[${S}·${a}+${d}${k}-${P}, ${S}·${b}+${d}${l}-${P}] = x[${i},${j}]`,
    scatter: `a, b = (${i}+${P}-${d}${k})/${S}, (${j}+${P}-${d}${l})/${S} = ${a}, ${b}`,
    im2col: `A_x[(${k},${l}), (${a},${b})] = x[${i},${j}]`,
    matrix: `C[(${a},${b}), (${i},${j})] = w[${k},${l}]`,
  };
  return `${place[view]}\n${adds}`;
}
