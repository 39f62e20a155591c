// What the page shows: settings, numbers, and how far it has come. All of it travels in the address after the #.

const OPERATIONS = {
  "conv-transpose": "Transposed convolution", conv: "Convolution", "max-pool": "Max-pooling",
  "cross-entropy": "Cross-entropy",
};
// Of each slider the least, the largest it goes to, and the largest that an address may ask for.
const RANGES = {
  n: [1, 8, 16], K: [1, 8, 64], S: [1, 5, 32], P: [0, 7, 64], D: [1, 3, 8], A: [0, 4, 31], C: [1, 4, 4], O: [1, 4, 4],
};
const BACKWARD = {n: 6, K: 5};  // more would be too many differences
const CHOICES = {way: ["forward", "backward"], by: ["", "x", "y"], fine: [0, 1], ceil: [0, 1],
  ask: ["", "why", "border", "transposed", "stride"]};
const FIRST = {
  op: "conv-transpose", way: "forward", n: 3, K: 3, S: 2, P: 1, D: 1, A: 0, C: 1, O: 1, ceil: 0, by: "", fine: 0, t: 5,
  u: 0, shown: 0, pixel: -1, mistake: "", ask: "",
};
const LARGEST_SIDE = 130;

const isConvolution = (state) => state.op === "conv" || state.op === "conv-transpose";
const orderOf = (state) => state.by || (state.op === "conv-transpose" ? "x" : "y");
const windowOf = ({K, S, P, D}) => ({K, S, P, D});
const mapSize = ({n}) => [n, n];

function resultSize(state) {
  if (state.op === "conv-transpose") return transposedSize(mapSize(state), windowOf(state), state.A);
  if (state.op === "cross-entropy") return mapSize(state);
  return outputSize(mapSize(state), windowOf(state), state.op === "max-pool" && state.ceil === 1);
}

// Why these settings have no result, or "".
function problem(state) {
  const [side] = resultSize(state), {n, K, P, D} = state, pixels = `${n}×${n} pixels`;
  if (side < 1 && state.op === "conv-transpose")
    return `Padding ${P} crops the whole result away: make P smaller, or n, K or S larger.`;
  if (side < 1)
    return `A kernel that spans ${D * (K - 1) + 1} pixels does not fit on ${pixels} with padding ${P}: make K or D ` +
      "smaller, or n or P larger.";
  if (state.op === "max-pool" && !everyWindowSees(state, side))
    return `A kernel of ${K}×${K} with padding ${P} and dilation ${D} has a window that sees none of ${pixels}: make P ` +
      "or D smaller, or n larger.";
  if (Math.max(side + 2 * P, n + 2 * P) > LARGEST_SIDE)
    return `The map would have more than ${LARGEST_SIDE} rows, too many to be seen: make n, S or P smaller.`;
  return "";
}

// A window that begins in the padding comes out of it in steps of D: on the map, or behind it already.
function everyWindowSees({n, S, P, D}, side) {
  return range(Math.min(side, Math.ceil(P / S))).every((a) => (P - S * a) % D === 0 || D - ((P - S * a) % D) < n);
}

// Shapes of the numbers that one may type; a kernel's first axis is the channels of what the operation is W A x of.
function shapes(state) {
  const {n, K, C, O} = state, [rows, columns] = resultSize(state).map((side) => Math.max(1, side));
  if (state.op === "cross-entropy") return {x: [C, n, n], labels: [n, n], weights: [C], g: [1]};
  if (state.op === "max-pool") return {x: [C, n, n], g: [C, rows, columns]};
  const weight = state.op === "conv" ? [O, C, K, K] : [C, O, K, K];
  return {x: [C, n, n], weight, bias: [O], g: [O, rows, columns]};
}

// Numbers to begin with: digits that count up, which are told apart; g with both signs.
function firstNumber(name, place, state) {
  const [j, i] = [place.at(-1), place.at(-2) ?? 0], channel = place.length > 2 ? place.at(-3) + (place.at(-4) ?? 0) : 0;
  if (name === "bias") return 0;
  if (name === "weights") return 1;
  if (name === "labels") return i === 0 && j === 1 ? IGNORED : (i + 2 * j) % state.C;
  const n = name === "weight" ? state.K : name === "g" ? resultSize(state)[1] : state.n;
  const count = n * i + j + 3 * channel;
  if (name === "g") return state.op === "cross-entropy" ? 1 : ((5 * count) % 7) - 2;
  if (name === "x" && state.op === "cross-entropy") return ((3 * count) % 5) - 1;
  if (name === "x" && state.op === "max-pool") return [4, 7, 1, 7, 2, 9, 3, 3, 5][count % 9];
  return (count % 9) + 1;
}

function filled(shape, number, place = []) {
  if (shape.length === place.length) return number(place);
  return range(shape[place.length]).map((index) => filled(shape, number, [...place, index]));
}

const kept = (old, place) => place.reduce((list, index) => (Array.isArray(list) ? list[index] : undefined), old);

// Give the state numbers of the shapes that its settings ask for, and keep those that are there.
function fitted(state) {
  const numbers = {};
  for (const [name, shape] of Object.entries(shapes(state)))
    numbers[name] = filled(shape, (place) => kept(state.numbers?.[name], place) ?? firstNumber(name, place, state));
  const [rows, columns] = resultSize(state), pixel = state.pixel < rows * columns ? state.pixel : -1;
  return {...state, numbers, pixel, shown: isConvolution(state) ? Math.max(0, Math.min(state.shown, state.O - 1)) : 0};
}

function limits(state, name) {
  let [least, most] = RANGES[name];
  if (name === "A") most = Math.max(state.S, state.D) - 1;
  if (name === "P" && state.op === "max-pool") most = Math.floor(state.K / 2);
  if (name === "C" && state.op === "cross-entropy") least = 2;
  if (state.way === "backward" && name in BACKWARD) return [least, BACKWARD[name]];
  return [least, name === "A" || (name === "P" && state.op === "max-pool") ? most : Math.max(most, state[name])];
}

// The state with changed settings, each held to what there is.
function changed(state, settings) {
  const next = {...state, ...settings}, fills = {};
  for (const name of Object.keys(state.numbers)) fills[name] = fillOf(state, name);
  if (!isConvolution(next)) next.way = "backward";
  if (next.op === "max-pool" || next.op === "cross-entropy") next.O = 1;
  if (next.op === "cross-entropy") next.C = Math.max(2, next.C);
  for (const name of ["n", "K", "S", "P", "D", "A", "C", "O"]) {
    const [least, most] = limits({...next, [name]: state[name]}, name);
    next[name] = Math.min(most, Math.max(least, next[name]));
  }
  if (next.op !== state.op && next.mistake && !MISTAKES[next.op].some(({name}) => name === next.mistake))
    next.mistake = "";
  if (["op", "n", "K", "S", "P", "D", "A"].some((name) => next[name] !== state[name])) next.pixel = -1;
  if (next.op !== state.op && isConvolution(next) && isConvolution(state)) {
    const {weight} = state.numbers;  // the first axis is now the other one
    next.numbers = {...state.numbers, weight: weight[0].map((_, o) => weight.map((kernels) => kernels[o]))};
  } else if (next.op !== state.op) next.numbers = {};
  if (next.op !== state.op || next.way !== state.way) next.t = next.u = 0;
  return refilled(fitted(next), fills);
}

// What was a fill before sizes changed is one afterwards; what was typed stays.
function refilled(state, fills) {
  return Object.keys(shapes(state)).reduce((now, name) => (fills[name] ? withFill(now, fills[name], name) : now),
    state);
}
