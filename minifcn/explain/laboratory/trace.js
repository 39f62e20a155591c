// A convolution taken apart into its products x[i,j]·w[k,l], in the order of the steps, each with where it goes.

// (a, b) is the pixel of y; of a transposed convolution it may lie in the border that is cut off.
function products(state) {
  const {K, S, P, D} = state, [rows, columns] = resultSize(state), [height, width] = mapSize(state);
  if (state.op === "conv") return meetings([rows, columns], [height, width], windowOf(state)).map(
    (meeting) => ({...meeting, kept: true}));
  const found = [];
  for (let i = 0; i < height; i++) for (let j = 0; j < width; j++)
    for (let k = 0; k < K; k++) for (let l = 0; l < K; l++) {
      const a = S * i + D * k - P, b = S * j + D * l - P;
      found.push({a, b, k, l, i, j, kept: 0 <= a && a < rows && 0 <= b && b < columns});
    }
  return found;
}

// Step through the pixels of x ("x": what each of them gives) or of y ("y": what each of them is made of).
function ordered(all, order) {
  if (order === "x") return [...all].sort((p, q) => p.i - q.i || p.j - q.j || p.k - q.k || p.l - q.l);
  return all.filter(({kept}) => kept).sort((p, q) => p.a - q.a || p.b - q.b || p.i - q.i || p.j - q.j);
}

function grouped(all, order) {
  const groups = [];
  let last = null;
  all.forEach((one, t) => {
    const name = order === "x" ? `${one.i},${one.j}` : `${one.a},${one.b}`;
    if (name !== last) groups.push([t, t]);
    last = name;
    groups.at(-1)[1] = t + 1;
  });
  return groups;
}

// Everything that the forward views show of a state.
function follow(state) {
  const {x, weight, bias} = state.numbers, order = orderOf(state), window = windowOf(state);
  const size = resultSize(state), o = state.shown, isTransposed = state.op === "conv-transpose";
  const kernels = isTransposed ? weight.map((outputs) => outputs[o]) : weight[o];  // one for each channel of x
  const all = ordered(products(state), order), groups = grouped(all, order);
  const t = Math.min(Math.max(0, state.t), groups.length), group = t ? groups[t - 1] : [0, 0];
  const u = Math.min(state.u, group[1] - group[0]);
  const done = u ? group[0] + u : group[1];
  const now = !t ? [] : state.fine && u ? [all[done - 1]] : all.slice(...group);
  const value = ({i, j, k, l}) => x.reduce((total, plane, c) => total + plane[i][j] * kernels[c][k][l], 0);
  const text = ({i, j, k, l}) => {
    const each = x.map((plane, c) => times(plane[i][j], kernels[c][k][l]));
    return each.length > 1 ? `(${each.join(" + ")})` : each[0];
  };
  const border = isTransposed ? state.P : 0, canvas = zeros(1, ...canvasSize(state))[0];
  for (const one of all.slice(0, done)) canvas[one.a + border][one.b + border] += value(one);
  const y = isTransposed
    ? convTranspose2d(x, weight, bias, window, state.A) : conv2d(x, weight, bias, window);
  const model = {state, order, window, size, kernels, all, groups, t, u, done, now, value, text, canvas, y, border};
  return {...model, ...focus(model)};
}

// Rows and columns of y with the border that is cut off, or that lies beyond the last stamp.
function canvasSize(state) {
  const [rows, columns] = resultSize(state);
  if (state.op === "conv") return [rows, columns];
  const reach = state.S * (state.n - 1) + state.D * (state.K - 1) + 1;
  return [Math.max(reach, rows + state.P), Math.max(reach, columns + state.P)];
}

const NOWHERE = [-1e6, -1e6];  // before the first step no pixel has the focus

// The pixel of y that the sentence is about: the one that was picked, or of those that the step writes the one to which
// most has been added; with what it is made of, and what of that is there already.
function focus({state, all, now, done, size}) {
  let [a, b] = NOWHERE;
  if (state.pixel >= 0 && state.pixel < size[0] * size[1]) [a, b] = [Math.floor(state.pixel / size[1]),
    state.pixel % size[1]];
  else {
    const counts = new Map(), key = (one) => one.a * 1000 + one.b;
    all.slice(0, done).forEach((one) => counts.set(key(one), (counts.get(key(one)) ?? 0) + 1));
    const kept = now.filter((one) => one.kept);
    const most = kept.reduce((best, one) => (best && counts.get(key(best)) >= counts.get(key(one)) ? best : one), null);
    const chosen = most ?? now[0];
    if (chosen) [a, b] = [chosen.a, chosen.b];
  }
  const here = (one) => one.a === a && one.b === b;
  return {pixel: [a, b], made: all.filter(here), madeSoFar: all.slice(0, done).filter(here),
    newest: now.filter(here).at(-1) ?? null, inside: 0 <= a && a < size[0] && 0 <= b && b < size[1]};
}

// The sentence of the step, read out by a screen reader.
function stepSentence(model) {
  const {state, order, groups, t, u, now} = model;
  if (!t) return `0 of ${plural(groups.length, "step")}: nothing is added up yet`;
  const {i, j, k, l} = now[0], from = now[0], to = now.at(-1);
  const many = state.C > 1, x = pixel("x", ...(many ? [":"] : []), i, j), w = pixel("w", ...(many ? [":"] : []), k, l);
  if (state.fine && u) {
    const {before, after, product} = addition(model, from);
    const name = pixel("y", from.a, from.b), where = from.kept ? "" : ", and this pixel is cut off";
    const how = state.op === "conv" ? `${x} lies under ${w}` : `${x} comes through ${w}`;
    return `pixel ${t} of ${groups.length}, product ${u}: ${name} = ${before} + ${product} = ${after}, ` +
      `for ${how}${where}`;
  }
  if (order === "x") {
    const value = state.C > 1 ? "" : ` = ${number(state.numbers.x[0][i][j])}`;
    const area = `${span("row", from.a, to.a)} and ${span("column", from.b, to.b)}`;
    if (state.op === "conv-transpose")
      return `stamp ${t} of ${groups.length}: ${x}${value} times w, added at ${area} = column ${x} of Cᵀ`;
    return `pixel ${t} of ${groups.length}: ${x}${value} gives to ${plural(now.length, "pixel")} of y = ` +
      `column ${x} of C`;
  }
  const name = pixel("y", from.a, from.b), total = number(model.canvas[from.a + model.border][from.b + model.border]);
  const matrix = state.op === "conv" ? "C" : "Cᵀ";
  return `pixel ${t} of ${groups.length}: ${name} = ${total}, ${productCount(now.length, state)} = row ${name} of ` +
    `${matrix} ` +
    "times x";
}

// How many products `count` weights make: each meets a pixel in every channel of x.
const productCount = (count, {C}) => (C > 1 ? `${count}·${C} products` : plural(count, "product"));

// Before and after one product, as text: "54", "3·4", "66".
function addition(model, one) {
  const earlier = model.all.slice(0, model.all.indexOf(one)).filter(({a, b}) => a === one.a && b === one.b);
  const before = earlier.reduce((total, each) => total + model.value(each), 0);
  return {before: number(before), product: model.text(one), after: number(before + model.value(one))};
}

// "Why is this 54?": the pixel of y, written out.
function focusSentence(model) {
  const {pixel: [a, b], made, inside, state, y, madeSoFar, text} = model, name = pixel("y", a, b);
  if (a === NOWHERE[0]) return "Pick a pixel of y to see what it is made of.";
  if (!inside) return `${name} lies in the border: ${sum(made.map(text))}, cut off by padding ${state.P}`;
  const bias = state.numbers.bias[state.shown], total = number(y[state.shown][a][b]);
  if (!made.length) return `${name} = ${number(bias)}: no pixel of x reaches it`;
  const left = made.length - madeSoFar.length, here = left ? madeSoFar : made;
  const written = [...(here.length ? [sum(here.map(text))] : []), ...(bias ? [`bias ${factor(bias)}`] : [])].join(" + ");
  if (!left) return `${name} = ${written} = ${total}`;
  const now = number(shownAt(model, a, b));
  return `${name} = ${written && written !== now ? `${written} = ${now}` : now} so far; with ${
    productCount(left, state)} still to come it is ${total}`;
}

// What y shows of a pixel: what is added up so far.
function shownAt({done, all, y, canvas, border, state}, a, b) {
  return done === all.length ? y[state.shown][a][b] : canvas[a + border][b + border] + state.numbers.bias[state.shown];
}
