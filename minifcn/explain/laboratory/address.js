// The state as an address, after the #: what is not as it is at first. Numbers that fill a map have a name there.

function toAddress(state) {
  const parts = Object.entries(FIRST).filter(([name, first]) => state[name] !== first)
    .map(([name]) => `${name}=${encodeURIComponent(state[name])}`);
  for (const name of Object.keys(shapes(state))) {
    const fill = fillOf(state, name);
    if (fill !== "count") parts.push(`${name}=${fill ?? state.numbers[name].flat(3).join(",")}`);
  }
  return parts.join("&");
}

// Whoever wrote it, a state comes out: what cannot be is left out.
function fromAddress(address) {
  const asked = new URLSearchParams(address), state = {...FIRST};
  if (Object.hasOwn(OPERATIONS, asked.get("op"))) state.op = asked.get("op");
  for (const [name, allowed] of Object.entries(CHOICES)) {
    const found = allowed.find((choice) => String(choice) === asked.get(name));
    if (found !== undefined) state[name] = found;
  }
  for (const [name, [least, , most]] of Object.entries(RANGES)) {
    const number = Number(asked.get(name) ?? NaN);
    if (Number.isInteger(number) && least <= number && number <= most) state[name] = number;
  }
  for (const name of ["t", "u", "shown", "pixel"]) {
    const number = Number(asked.get(name) ?? NaN);
    if (Number.isInteger(number) && number >= 0 && number < 1e5) state[name] = number;
  }
  if (MISTAKES[state.op].some(({name}) => name === asked.get("mistake"))) state.mistake = asked.get("mistake");
  const numbers = {}, held = changed({...state, numbers: {}}, {});
  for (const [name, shape] of Object.entries(shapes(held))) {
    if (NAMED_FILLS[name]?.includes(asked.get(name)))
      numbers[name] = filled(shape, (place) => fillNumber(asked.get(name), name, place, shape));
    const list = (asked.get(name) ?? "").split(",").map((text) => (text.trim() ? Number(text) : NaN));
    const all = list.every((value) => Math.abs(value) < 1e6);
    if (asked.get(name) && all && list.length === shape.reduce((a, b) => a * b))
      numbers[name] = filled(shape, (place) => list[place.reduce((k, index, axis) => k * shape[axis] + index, 0)]);
  }
  if (numbers.labels?.flat().some((label) => label !== IGNORED && !(label in range(held.C)))) delete numbers.labels;
  return fitted({...held, numbers, t: state.t, u: state.u, pixel: state.pixel});
}
