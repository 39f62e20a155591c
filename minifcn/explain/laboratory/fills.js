// Fill a map, or a kernel, with numbers of one kind.
const FILLS = {
  count: "counting", ones: "ones", impulse: "one pixel", random: "random digits", bilinear: "bilinear",
  average: "average",
};

function fillNumber(kind, name, place, shape) {
  const [rows, columns] = shape.slice(-2), [i, j] = place.slice(-2);
  if (kind === "ones") return 1;
  if (kind === "random") return Math.floor(Math.random() * 9) + 1;
  if (kind === "impulse") return i === Math.floor(rows / 2) && j === Math.floor(columns / 2) ? 1 : 0;
  if (kind === "average") return 1 / (rows * columns);
  if (kind === "bilinear") {  // as nn.init.bilinear: one kernel for each channel, nothing across
    const half = Math.floor((rows + 1) / 2), hat = (k) => 1 - Math.abs(k - (rows - 1) / 2) / half;
    return place[0] === place[1] ? hat(i) * hat(j) : 0;
  }
  return null;
}

// The fills that are known again when they are seen, and that keep to a size that changes.
const NAMED_FILLS = {x: ["ones", "impulse"], weight: ["ones", "bilinear", "average"]};

// Which fill the numbers are, "count" being those to begin with; null if somebody typed them.
function fillOf(state, name) {
  const shape = shapes(state)[name], numbers = state.numbers[name]?.flat(3) ?? [];
  const is = (number) => filled(shape, number).flat(3).every((value, k) => value === numbers[k]);
  if (is((place) => firstNumber(name, place, state))) return "count";
  return NAMED_FILLS[name]?.find((kind) => is((place) => fillNumber(kind, name, place, shape))) ?? null;
}

function withFill(state, kind, name) {
  const shape = shapes(state)[name];
  const numbers = filled(shape, (place) => fillNumber(kind, name, place, shape) ?? firstNumber(name, place, state));
  return {...state, numbers: {...state.numbers, [name]: numbers}};
}
