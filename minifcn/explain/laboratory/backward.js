// The way back, number by number: what each number of a gradient adds up, and the difference quotient beside it.

function forwardNumbers(state) {  // y, whose <g, y> has the gradients that the way back of g gives
  const {x, weight, bias, labels, weights} = state.numbers, window = windowOf(state);
  if (state.op === "conv") return conv2d(x, weight, bias, window).flat(2);
  if (state.op === "conv-transpose") return convTranspose2d(x, weight, bias, window, state.A).flat(2);
  if (state.op === "max-pool") return maxPool2d(x, window, state.ceil === 1).flat(2);
  return [crossEntropy(x, labels, weights)];
}

// The step of the difference quotients, and how large the numbers are that each number of y adds up: with these, rounding
// grows. A convolution is linear in each number, so that its step may be large; in a pool it is smaller than the
// differences between numbers.
function measureOf(state) {
  const {x, weight, bias, g} = state.numbers, all = [x, weight ?? [], bias ?? []].flat(4);
  const most = Math.max(...all.map(Math.abs));
  if (!isConvolution(state)) {
    const sorted = [...new Set(all)].sort((a, b) => a - b), gaps = sorted.slice(1).map((value, k) => value - sorted[k]);
    const least = state.op === "max-pool" ? Math.min(4 * H, ...gaps) : 4 * H;
    return {step: 2 ** Math.floor(Math.log2(least / 4)), sizes: g.flat(2).map(() => 1 + 2 * most)};
  }
  const absolute = (values) => values.map((value) => (Array.isArray(value) ? absolute(value) : Math.abs(value)));
  const numbers = {x: absolute(x), weight: absolute(weight), bias: absolute(bias)};
  return {step: most < 1000 ? H : 1, sizes: forwardNumbers({...state, numbers})};
}

// A number of a gradient: `terms` are written out; `lights` says which numbers they read, as "name:place".
const entry = (place) => ({place, value: 0, terms: [], lights: new Set()});
const key = (name, ...place) => `${name}:${place.join(",")}`;

function entries(shape) {
  const all = new Map();
  filled(shape, (place) => all.set(place.join(","), entry(place)));
  return all;
}

function add(all, place, value, text, ...lights) {
  const found = all.get(place.join(","));
  found.value += value;
  found.terms.push(text);
  lights.forEach((light) => found.lights.add(light));
}

function convolutionEntries(state) {
  const {x, g} = state.numbers, right = state.numbers.weight, isConv = state.op === "conv";
  const {window, weight} = mistaken(state.mistake, windowOf(state), right), shape = shapes(state);
  const dx = entries(shape.x), dweight = entries(shape.weight), dbias = entries(shape.bias);
  const [windows, pixels] = isConv ? [g, x] : [x, g];  // what W A takes to what
  const [windowsName, pixelsName] = isConv ? ["g", "x"] : ["x", "g"], turn = state.mistake === "no-flip";
  for (const {a, b, k, l, i, j} of meetings(sizeOf(windows), sizeOf(pixels), window))
    weight.forEach((kernels, o) => kernels.forEach((kernel, c) => {
      const w = kernel[k][l], q = windows[o][a][b], p = pixels[c][i][j], last = state.K - 1;
      const read = turn ? key("weight", o, c, last - k, last - l) : key("weight", o, c, k, l);
      const ofWindow = key(windowsName, o, a, b), ofPixel = key(pixelsName, c, i, j);
      if (isConv) add(dx, [c, i, j], q * w, times(q, w), ofWindow, read);
      else add(dx, [o, a, b], p * w, times(p, w), ofPixel, read);
      add(dweight, [o, c, k, l], q * p, isConv ? times(q, p) : times(p, q), ofWindow, ofPixel);
    }));
  const count = state.mistake === "mean-bias" ? g[0].flat().length : 1;
  eachPixel(g, (o, a, b, value) => add(dbias, [o], value / count, number(value / count), key("g", o, a, b)));
  return {x: dx, weight: dweight, bias: dbias};
}

function poolEntries(state) {
  const {x, g} = state.numbers, window = windowOf(state), dx = entries(shapes(state).x), size = mapSize(state);
  const members = meetings(sizeOf(g), size, window);
  x.forEach((plane, c) => largest(plane, window, state.ceil === 1).forEach((row, a) => row.forEach(({pixels}, b) => {
    const all = members.filter((one) => one.a === a && one.b === b).map(({i, j}) => [i, j]);
    for (const [[i, j], share] of shares(state.mistake, pixels, all)) {
      const text = share === 1 ? number(g[c][a][b]) : `${factor(g[c][a][b])}/${all.length}`;
      if (state.mistake === "overwrite") Object.assign(dx.get(`${c},${i},${j}`), {...entry([c, i, j])});
      add(dx, [c, i, j], g[c][a][b] * share, text, key("g", c, a, b), ...all.map((pixel) => key("x", c, ...pixel)));
    }
  })));
  return {x: dx};
}

function lossEntries(state) {
  const {x, labels, weights, g} = state.numbers, dx = entries(shapes(state).x);
  const total = state.mistake === "count-all" ? labels.flat().length : sumOfWeights(labels, weights);
  labels.forEach((row, i) => row.forEach((label, j) => {
    const isIgnored = label === IGNORED, w = isIgnored ? 1 : weights[label];
    if (isIgnored && state.mistake !== "ignored-too") return;
    softmax(x.map((plane) => plane[i][j])).forEach((share, c) => {
      const one = c === label && state.mistake !== "no-onehot" ? 1 : 0;
      const text = `${factor(g[0])}·(${number(share)} - ${one})·${factor(w)}/${number(total)}`;
      add(dx, [c, i, j], g[0] * (share - one) * w / total, text, key("g", 0), key("labels", i, j),
        ...x.map((_, channel) => key("x", channel, i, j)));
    });
  }));
  return {x: dx};
}

const GRADIENTS = {conv: convolutionEntries, "conv-transpose": convolutionEntries, "max-pool": poolEntries,
  "cross-entropy": lossEntries};

// All numbers of the gradients, in the order of the steps, each judged by its difference quotient.
function wayBack(state) {
  const copy = structuredClone(state), all = [], y = () => forwardNumbers(copy), g = copy.numbers.g.flat(2);
  const measure = measureOf(state);
  for (const [name, found] of Object.entries(GRADIENTS[state.op](state))) {
    const places = everyNumber(copy.numbers[name]);
    [...found.values()].forEach((one, k) => {
      const held = slope([places[k]], g, y, measure);
      all.push({...one, name, slope: held, verdict: judged(one.value, held)});
    });
  }
  return state.op === "max-pool" ? judgedTogether(state, copy, all, measure) : all;
}

// At a tie one pixel may have the gradient, or each a share, but together they must have it once: when all of the equal
// numbers of a window move together, there is a derivative again.
function judgedTogether(state, copy, all, measure) {
  const wrong = new Set(), {x} = copy.numbers;
  x.forEach((plane, c) => largest(plane, windowOf(state), state.ceil === 1).flat().forEach(({pixels}) => {
    if (pixels.length < 2) return;
    const names = new Set(pixels.map(([i, j]) => `${c},${i},${j}`));
    const analytic = all.filter(({place}) => names.has(place.join(","))).reduce((total, {value}) => total + value, 0);
    const places = pixels.map(([i, j]) => [plane[i], j]), g = copy.numbers.g.flat(2);
    if (judged(analytic, slope(places, g, () => forwardNumbers(copy), measure)) === "wrong") names.forEach((name) =>
      wrong.add(name));
  }));
  return all.map((one) => (wrong.has(one.place.join(",")) && one.verdict === "kink"
    ? {...one, verdict: "wrong", together: true} : one));
}

const quotient = ({value, slope}, which, digits = 3) =>
  number(rounded(slope[which], tolerance(value, slope)), digits);

const gradientName = ({name, place}, state) => {
  const shown = name === "bias" ? place : place.slice(state.C > 1 || state.O > 1 ? 0 : -2);
  return `d${name === "x" && state.op === "cross-entropy" ? "scores" : name}[${shown.join(",")}]`;
};

function backwardSentence(state, all) {
  const t = Math.min(state.t, all.length), wrong = all.filter(({verdict}) => verdict === "wrong").length;
  const kinks = all.filter(({verdict}) => verdict === "kink").length;
  const summary = wrong ? `${wrong} of ${plural(all.length, "number")} differ from their difference quotients`
    : `all ${all.length} numbers agree with their difference quotients${kinks ? `, ${kinks} at a kink` : ""}`;
  if (!t) return `0 of ${all.length}: ${summary}`;
  const one = all[t - 1], {verdict, value, terms} = one;
  const nothing = state.op === "max-pool" && !terms.length ? "it wins no window, and " : "";
  const checked = {
    right: `${nothing}the difference quotient is ${quotient(one, "central")} too`,
    wrong: one.together ? "but when all of the equal numbers move together, the slope is another one: wrong"
      : `but the difference quotient is ${quotient(one, "central", 4)}: wrong`,
    kink: `a kink, as equal numbers are the largest: any number from ${quotient(one, "low")} to ${
      quotient(one, "high")} will do`,
  }[verdict];
  const written = !terms.length || (terms.length === 1 && terms[0] === number(value)) ? number(value)
    : `${sum(terms)} = ${number(value)}`;
  return `${t} of ${all.length}: ${gradientName(one, state)} = ${written}; ${checked}`;
}

function mistakeSentence(state, all) {
  const mistake = MISTAKES[state.op].find(({name}) => name === state.mistake);
  const wrong = all.filter(({verdict}) => verdict === "wrong");
  if (!mistake) return "Choose a wrong way back, and see where the difference lights up.";
  if (!wrong.length) return `Wrong on purpose: ${mistake.title}. Nothing lights up here${
    mistake.hidden ? `: ${mistake.hidden}, perhaps` : ""}. A test on these numbers would not find it.`;
  const names = [...new Set(wrong.map((one) => gradientName(one, state).split("[")[0]))].join(" and ");
  return `Wrong on purpose: ${mistake.title}. ${wrong.length} of ${plural(all.length, "number")} light ` +
    `up, in ${names}.`;
}
