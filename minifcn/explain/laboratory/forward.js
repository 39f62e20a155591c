// The four views of a step of a transposed convolution, and of a convolution: which tables, and which cells are lit.

// A table: `cell(r, c)` gives {text, sub, lit: [names of classes], parts, pick} of each cell.
function table(id, title, [rows, columns], cell, more = {}) {
  const cells = [];
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) cells.push(cell(r, c));
  return {id, title, rows, columns, cells, first: [0, 0], ...more};
}

const places = (list, key) => new Set(list.map(key));
const XY = ({i, j}) => `${i},${j}`, KL = ({k, l}) => `${k},${l}`, AB = ({a, b}) => `${a},${b}`;
const lit = (conditions) => Object.entries(conditions).filter(([, holds]) => holds).map(([name]) => name);
const channelName = (name, count, c) => (count > 1 ? `${name}[${c}]` : name);

// Which quarter of the kernel place (k, l) lies in: stamps that meet on a pixel come from different ones.
const part = (k, l, {K, S, D}) => {
  const half = (n) => Math.floor((D * n) / Math.max(S, 1)) % 2;
  return K === 1 ? 0 : 2 * half(k) + half(l);
};

function result(model, id = "y") {
  const {state, size, now, pixel: [fa, fb]} = model, o = state.shown, written = places(now, AB);
  return table(id, channelName("output y", state.O, o), size, (a, b) => ({
    text: number(shownAt(model, a, b)),
    lit: lit({[model.order === "x" ? "touched" : "active"]: written.has(`${a},${b}`), reached: a === fa && b === fb}),
    pick: a * size[1] + b, label: pixel("y", ...(state.O > 1 ? [o] : []), a, b),
  }));
}

function stamps(model) {
  const {state, canvas, border, now, size, pixel: [fa, fb], all, done, window} = model;
  const isTransposed = state.op === "conv-transpose";
  const written = places(now, AB), parts = new Map();
  for (const one of all.slice(0, done)) {
    const key = AB(one);
    if (!parts.has(key)) parts.set(key, new Set());
    parts.get(key).add(part(one.k, one.l, window));
  }
  const grid = table("canvas", border ? "stamps added up (dashed: cut off)" : "stamps added up", canvasSize(state),
    (r, c) => {
    const a = r - border, b = c - border, inside = 0 <= a && a < size[0] && 0 <= b && b < size[1];
    return {
      text: number(canvas[r][c]), parts: isTransposed ? [...(parts.get(`${a},${b}`) ?? [])] : undefined,
      lit: lit({dashed: !inside, touched: written.has(`${a},${b}`), reached: a === fa && b === fb}),
      pick: inside ? a * size[1] + b : -1,
    };
  }, {first: [-border, -border]});
  const used = places(model.newest ? [model.newest] : [], KL), one = now[0];
  const stamp = table("stamp", one && model.order === "x" ? `stamp: ${xName(model, one)}·w` : "w, in its quarters",
    [state.K, state.K], (k, l) => ({
      text: one && model.order === "x" ? number(model.value({...one, k, l})) : number(model.kernels[0][k][l]),
      parts: [part(k, l, window)], lit: lit({reached: used.has(`${k},${l}`)}),
    }), {whole: true});
  return {title: "Stamps that add up", view: "stamps", tables: [stamp, grid]};
}

const xName = (model, {i, j}) => pixel("x", ...(model.state.C > 1 ? [":"] : []), i, j);

// For the pixel of y in focus: the pixels of x that reach it, each with the weight that it comes through.
function gather(model) {
  const {state, made, now, kernels} = model, through = new Map(made.map((one) => [XY(one), one]));
  const active = places(now, XY), used = places(made, KL);
  const inputs = state.numbers.x.map((plane, c) => table(`gather-x${c}`, channelName("x", state.C, c), mapSize(state),
    (i, j) => {
      const one = through.get(`${i},${j}`);
      return {text: number(plane[i][j]), sub: one ? `·${factor(kernels[c][one.k][one.l])}` : "",
        lit: lit({active: active.has(`${i},${j}`), reached: one})};
    }, {subs: true}));
  const weights = kernels.map((kernel, c) => table(`gather-w${c}`, channelName("w", state.C, c), [state.K, state.K],
    (k, l) => ({text: number(kernel[k][l]), lit: lit({reached: used.has(`${k},${l}`)})})));
  const [a, b] = model.pixel;
  return {title: made.length ? `Gather: what meets on ${pixel("y", a, b)}` : "Gather: what meets on a pixel of y",
    view: "gather", tables: inputs.flatMap((grid, c) => [grid, weights[c]])};
}

function insertion(model) {
  const {state, window, size, made, now, pixel: [a, b], inside} = model, reach = state.D * (state.K - 1);
  const before = reach - state.P, active = places(now, ({i, j}) => `${state.S * i + before},${state.S * j + before}`);
  const isPixel = (r) => r >= before && (r - before) % state.S === 0 && (r - before) / state.S < state.n;
  const under = (r, c) => inside && a <= r && r <= a + reach && b <= c && c <= b + reach &&
    (r - a) % state.D === 0 && (c - b) % state.D === 0;
  const spread = spreadOut(state.numbers.x, window, size).map((plane, c) => table(`spread${c}`,
    channelName("x, spread out", state.C, c), [plane.length, plane[0].length], (r, s) => ({
      text: number(plane[r][s]),
      lit: lit({dashed: !(isPixel(r) && isPixel(s)), active: active.has(`${r},${s}`) && isPixel(r) && isPixel(s),
        touched: under(r, s)}),
    })));
  const used = places(made, KL), K = state.K;
  const kernels = model.kernels.map((kernel, c) => table(`turned${c}`, channelName("w, turned", state.C, c), [K, K],
    (k, l) => ({text: number(kernel[K - 1 - k][K - 1 - l]),
      lit: lit({reached: used.has(`${K - 1 - k},${K - 1 - l}`)})})));
  const lost = before < 0 ? ` (P is above ${reach}: ${-before} cut off on each side)` : "";
  return {title: `Zero insertion, and the kernel turned${lost}`, view: "insertion",
    tables: kernels.flatMap((grid, c) => [grid, spread[c]])};
}

// C, whose rows are pixels of y for a convolution; for a transposed one it is shown as Cᵀ, and so are its rows.
function matrix(model) {
  const {state, size, window, kernels, now, pixel: [a, b]} = model, n = state.n, isTransposed = state.op !== "conv";
  const entry = (c, row, column) => {
    const [ya, yb] = [Math.floor(row / size[1]), row % size[1]], [i, j] = [Math.floor(column / n), column % n];
    const [big, bigger, small, smaller] = isTransposed ? [ya, yb, i, j] : [i, j, ya, yb];
    const k = (big + window.P - window.S * small) / window.D, l = (bigger + window.P - window.S * smaller) / window.D;
    const holds = [k, l].every((place) => Number.isInteger(place) && 0 <= place && place < state.K);
    return holds ? kernels[c][k][l] : null;
  };
  const active = places(now.filter(({kept}) => kept), (one) => `${one.a * size[1] + one.b},${one.i * n + one.j}`);
  if (isFolded(model)) return foldedLine(model, entry);
  const lines = new Set(now.map((one) => (model.order === "x" ? one.i * n + one.j : one.a * size[1] + one.b)));
  const names = {
    rows: range(size[0] * size[1]).map((p) => pixel("y", Math.floor(p / size[1]), p % size[1])),
    columns: range(n * n).map((q) => pixel("x", Math.floor(q / n), q % n)),
  };
  const name = isTransposed ? "Cᵀ" : "C", shape = [size[0] * size[1], n * n];
  const tables = kernels.map((_, c) => table(`matrix${c}`,
    `${channelName(name, state.C, c)}, ${shape[0]}×${shape[1]}`, shape, (row, column) => {
      const weight = entry(c, row, column), focused = row === a * size[1] + b && model.inside;
      return {text: weight === null ? "·" : number(weight), pick: row,
        lit: lit({active: lines.has(model.order === "x" ? column : row), touched: active.has(`${row},${column}`),
          reached: focused && weight !== null})};
    }, {matrix: true, names}));
  if (isTransposed && state.ask === "transposed") tables.push(...tables.map(asConvolution));
  const [one] = now, line = model.order === "x" ? "column" : "row", isOne = one && (model.order === "x" || one.kept);
  const which = isOne ? ` ${model.order === "x" ? pixel("x", one.i, one.j) : pixel("y", one.a, one.b)}` : "";
  return {title: `${line[0].toUpperCase()}${line.slice(1)}${which} of ${name}`, view: isTransposed ? "transpose"
    : "matrix",
    tables};
}

// Of a matrix that is too large the line that the step lights, folded to the map that it belongs to.
const LARGEST_DRAWN = 20000;
const isFolded = ({kernels, size, state}) => kernels.length * size[0] * size[1] * state.n ** 2 > LARGEST_DRAWN;

function foldedLine(model, entry) {
  const {state, size, kernels, now, order, pixel: [a, b]} = model, n = state.n, [one] = now;
  const name = state.op === "conv" ? "C" : "Cᵀ", shape = order === "x" ? size : [n, n];
  const fixed = one ? (order === "x" ? one.i * n + one.j : one.a * size[1] + one.b) : 0;
  const which = order === "x" ? `Column ${pixel("x", Math.floor(fixed / n), fixed % n)}`
    : `Row ${pixel("y", Math.floor(fixed / size[1]), fixed % size[1])}`;
  const tables = kernels.map((_, c) => table(`line${c}`,
    `${channelName(name, state.C, c)} is ${size[0] * size[1]}×${n * n}: folded to ${order === "x" ? "y" : "x"}`, shape,
    (r, s) => {
      const at = r * shape[1] + s, weight = order === "x" ? entry(c, at, fixed) : entry(c, fixed, at);
      return {text: weight === null || !one ? "·" : number(weight), pick: order === "x" ? at : -1,
        lit: lit({touched: one && weight !== null, reached: order === "x" && r === a && s === b})};
    }));
  return {title: `${which} of ${name}`, view: state.op === "conv" ? "matrix" : "transpose", tables};
}

// C beside Cᵀ: the same cells, rows for columns.
function asConvolution(grid) {
  const {rows, columns, cells, names, id, title} = grid, turn = (r, c) => ({...cells[c * columns + r], pick: -1});
  return table(`${id}-of-convolution`, `${title.split(",")[0].replace("ᵀ", "")}, ${columns}×${rows}`, [columns,
    rows], turn,
    {matrix: true, names: {rows: names.columns, columns: names.rows}});
}

// ---- a convolution ----

function windowView(model) {
  const {state, now, pixel: [a, b], kernels} = model, {P, S, D, K, n} = state, read = places(now, XY);
  const under = (r, c) => {
    const [k, l] = [(r - S * a) / D, (c - S * b) / D];
    return model.inside && [k, l].every((place) => Number.isInteger(place) && 0 <= place && place < K);
  };
  const padded = state.numbers.x.map((plane, ch) => table(`padded${ch}`,
    channelName("x", state.C, ch) + (P ? " (dashed: padding)" : ""), [n + 2 * P, n + 2 * P], (r, c) => {
      const value = plane[r - P]?.[c - P];
      return {text: number(value ?? 0), lit: lit({dashed: value === undefined, touched: under(r, c),
        active: read.has(`${r - P},${c - P}`)})};
    }, {first: [-P, -P]}));
  const used = places(model.newest ? [model.newest] : [], KL);
  const weights = kernels.map((kernel, c) => table(`window-w${c}`, channelName("w", state.C, c), [K, K],
    (k, l) => ({text: number(kernel[k][l]), lit: lit({reached: used.has(`${k},${l}`)})})));
  return {title: model.inside ? `Gather: the window of ${pixel("y", a, b)}` : "Gather: a window", view: "window",
    tables: weights.flatMap((grid, c) => [grid, padded[c]])};
}

function im2colView(model) {
  const {state, size, now, pixel: [a, b]} = model, {K, S, D, P} = state, shape = [K * K, size[0] * size[1]];
  const lines = new Set(now.map((one) => one.a * size[1] + one.b)), read = places(now, (one) => `${one.k * K + one.l},${
    one.a * size[1] + one.b}`);
  const names = {
    rows: range(K * K).map((p) => pixel("w", Math.floor(p / K), p % K)),
    columns: range(shape[1]).map((p) => pixel("y", Math.floor(p / size[1]), p % size[1])),
  };
  const tables = state.numbers.x.map((plane, ch) => table(`im2col${ch}`,
    `${channelName("A x", state.C, ch)}, ${shape[0]}×${shape[1]}`, shape, (row, column) => {
      const i = S * Math.floor(column / size[1]) + D * Math.floor(row / K) - P;
      const j = S * (column % size[1]) + D * (row % K) - P;
      return {text: number(plane[i]?.[j] ?? 0), pick: column,
        lit: lit({dashed: plane[i]?.[j] === undefined, active: lines.has(column) && model.order === "y",
          touched: read.has(`${row},${column}`), reached: column === a * size[1] + b})};
    }, {matrix: true, names}));
  return {title: "Columns of windows (im2col)", view: "im2col", tables};
}

function forwardViews(model) {
  if (model.state.op === "conv-transpose") return [stamps(model), gather(model), insertion(model), matrix(model)];
  const scatter = {...stamps(model), title: "What each pixel of x gives", view: "scatter"};
  scatter.tables = [{...scatter.tables[1], title: "products added up"}];
  return [windowView(model), scatter, im2colView(model), matrix(model)];
}
