// The tables of the way back: what is given, and each gradient with its difference quotients.

const BACKWARD_CODE = {
  conv: {x: "dx[i,j] += g[a,b] * w[k,l]", weight: "dweight[k,l] += g[a,b] * x[i,j]", bias: "dbias += g[a,b]"},
  "conv-transpose": {x: "dx[i,j] += g[a,b] * w[k,l]", weight: "dweight[k,l] += g[a,b] * x[i,j]",
    bias: "dbias += g[a,b]"},
  "max-pool": {x: "dx[winner(a,b)] += g[a,b]"},
  "cross-entropy": {x: "dscores = g * (softmax(scores) - onehot) * w / sum(w)"},
};
const BACKWARD_WHERE = {
  conv: "where i = S*a + k - P and j = S*b + l - P",
  "conv-transpose": "where a = S*i + k - P and b = S*j + l - P",
  "max-pool": "winner: the first of the largest",
  "cross-entropy": "of each pixel that is not ignored",
};

const MAPS = {x: "x", weight: "w", bias: "bias b", g: "gradient g", labels: "labels",
  weights: "weights of the classes"};

// Split numbers of any number of axes into tables of rows and columns: one for each channel, or pair of channels.
function planes(name, values, shape, makeCell, title = MAPS[name]) {
  const matrixShape = shape.length === 1 ? [1, shape[0]] : shape.slice(-2), outer = shape.slice(0, -2);
  const leading = outer.length ? [...indices(outer)] : [[]], many = leading.length > 1;
  return leading.map((first) => table(`${name}-${first.join("-")}`, many ? `${title}[${first.join(",")}]` : title,
    matrixShape, (r, c) => makeCell(shape.length === 1 ? [c] : [...first, r, c])));
}

function* indices(shape, place = []) {
  if (place.length === shape.length) yield place;
  else for (let k = 0; k < shape[place.length]; k++) yield* indices(shape, [...place, k]);
}

const valueAt = (values, place) => place.reduce((list, k) => list[k], values);

// The tables that one types into.
function given(state, lights = new Set(), names = Object.keys(state.numbers)) {
  const every = shapes(state);
  return names.flatMap((name) => {
    const title = state.op === "cross-entropy" && name === "x" ? "scores" : MAPS[name];
    return planes(name, state.numbers[name], every[name], (place) => ({
      text: number(valueAt(state.numbers[name], place)), edit: [name, ...place],
      lit: lit({touched: lights.has(key(name, ...place))}),
    }), title);
  });
}

function forwardResult(state) {
  const {x, weight, bias} = state.numbers, window = windowOf(state);
  if (state.op === "conv") return conv2d(x, weight, bias, window);
  if (state.op === "conv-transpose") return convTranspose2d(x, weight, bias, window, state.A);
  return maxPool2d(x, window, state.ceil === 1);
}

function resultTables(state) {
  if (state.op === "cross-entropy") {
    const {x, labels, weights} = state.numbers;
    return [table("loss", "loss", [1, 1], () => ({text: number(crossEntropy(x, labels, weights), 4), lit: []}))];
  }
  const y = forwardResult(state);
  return planes("y", y, [y.length, ...sizeOf(y)], (place) => ({text: number(valueAt(y, place)), lit: []}), "output y");
}

function backwardViews(state, all) {
  const t = Math.min(state.t, all.length), now = t ? all[t - 1] : null, every = shapes(state);
  return Object.keys(BACKWARD_CODE[state.op]).map((name) => {
    const found = new Map(all.filter((one) => one.name === name).map((one) => [one.place.join(","), one]));
    const title = `d${state.op === "cross-entropy" && name === "x" ? "scores" : name}`;
    const tables = planes(`d${name}`, found, every[name], (place) => {
      const one = found.get(place.join(","));
      const beside = one.verdict === "kink" || one.together ? `${quotient(one, "low")}|${quotient(one, "high")}`
        : quotient(one, "central");
      return {text: number(one.value), sub: beside, step: all.indexOf(one) + 1, label: gradientName(one, state),
        lit: lit({active: one === now, bad: one.verdict === "wrong", kink: one.verdict === "kink"})};
    }, title).map((grid) => ({...grid, subs: true}));
    const isNow = now?.name === name, lines = [BACKWARD_CODE[state.op][name], BACKWARD_WHERE[state.op]];
    const isRun = isNow && now.terms.length > 0;  // of a number that nothing is added to, no line has run
    const code = {lines: name === "bias" ? [mistakenLine(lines[0], state)] : lines.map((line) => dilated(mistakenLine(line, state), state.D)),
      lit: isRun ? 0 : -1,
      numbers: isRun ? `${gradientName(now, state)} = ${sum(now.terms)}` : ""};
    return {title, view: `d${name}`, tables, code};
  });
}
