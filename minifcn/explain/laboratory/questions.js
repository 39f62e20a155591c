// Questions that a click answers, with the numbers of the state.

const QUESTIONS = ["why", "border", "transposed", "stride"];

function busiest(model) {  // the pixel of y that most products meet on, the last one if there are several
  const counts = new Map();
  for (const one of model.all.filter(({kept}) => kept)) {
    const p = one.a * model.size[1] + one.b;
    counts.set(p, (counts.get(p) ?? 0) + 1);
  }
  const most = Math.max(0, ...counts.values()), all = [...counts].filter(([, count]) => count === most);
  return all.length ? all[Math.floor(all.length / 2)][0] : 0;
}

function asked(model) {  // the pixel of y that the first question is about
  if (model.state.pixel >= 0) return model.state.pixel;
  return model.inside ? model.pixel[0] * model.size[1] + model.pixel[1] : busiest(model);
}

// Whether anything has been added to a pixel of y. Of one that waits, the question is about its end.
const isBegun = ({all, done}, a, b) => all.slice(0, done).some((one) => one.a === a && one.b === b);

function questionText(question, model) {
  const p = asked(model), [a, b] = [Math.floor(p / model.size[1]), p % model.size[1]], {S} = model.state;
  return {
    why: `Why is ${pixel("y", a, b)} = ${number(isBegun(model, a, b) ? shownAt(model, a, b)
      : model.y[model.state.shown][a][b])}?`,
    border: "Where did the border go?",
    transposed: "Why is it called transposed?",
    stride: model.state.ask === "stride" ? `What would stride ${S + 1} do?`
      : `What would stride ${S === 3 ? 2 : 3} do?`,
  }[question];
}

function questionState(question, model) {
  const {state} = model, done = {t: model.groups.length, u: 0};
  if (question === "why") {
    const p = asked(model), isKept = isBegun(model, Math.floor(p / model.size[1]), p % model.size[1]);
    return {...state, ...(isKept ? {} : done), pixel: p, ask: question};
  }
  if (question === "stride") {
    const S = state.ask === "stride" ? state.S + 1 : state.S === 3 ? 2 : 3;
    return {...changed(state, {S: Math.min(S, limits(state, "S")[1])}), t: 1e4, u: 0, ask: question};
  }
  return {...state, ...(question === "border" ? done : {}), ask: question};
}

function answer(model) {
  const {state, size, canvas} = model, {P, n} = state, isTransposed = state.op === "conv-transpose";
  if (state.ask === "why") return whyAnswer(model);
  if (state.ask === "border") {
    if (!P) return isTransposed ? "With padding 0 nothing is cut off: every number of every stamp is in y. Drag P."
      : `With padding 0 the kernel stays inside x, so y is ${n - size[0]} rows smaller than x. Drag P.`;
    if (!isTransposed) return `Padding ${P} puts ${plural(P, "row")} of zeros around x (dashed), so that the ` +
      "kernel may " +
      `hang over the edge: ${n}×${n} pixels become ${size.join("×")}.`;
    const all = canvas.length * canvas[0].length, cutOff = all - size[0] * size[1];
    return `Padding ${P} cuts it off: ${cutOff} of the ${all} numbers that the stamps make are dashed. The ` +
      "convolution " +
      `that this one transposes pads ${plural(P, "row")} of zeros there, and nobody wants gradients of those zeros.`;
  }
  if (state.ask === "transposed") return transposedAnswer(model);
  if (state.ask === "stride") return strideAnswer(model);
  return "";
}

function whyAnswer(model) {
  const {made, madeSoFar, pixel: [a, b]} = model, name = pixel("y", a, b);
  if (a === NOWHERE[0]) return "";
  if (!made.length) return `No pixel of x reaches ${name}: ${whyNothing(model)}.`;
  const here = madeSoFar.length ? madeSoFar : made, left = made.length - here.length;
  const from = here.slice(0, 4).map((one) => `${xName(model, one)} through ${pixel("w", one.k, one.l)}`);
  return `${productCount(here.length, model.state)} ${here.length * model.state.C === 1 ? "lands" : "land"} on ${name}: ${from.join(", ")}${
    here.length > 4 ? ", …" : ""}${left ? `; ${left} more ${left === 1 ? "is" : "are"} still to come` : ""}. Green ` +
    "in the views: the pixel, and what it is made of.";
}

// Why a pixel of y lies under no stamp, or a window of a convolution under no pixel of x.
function whyNothing({state: {op, n, K, S, P, D}, pixel: place}) {
  if (op === "conv") return "its window sees only padding";
  const reach = S * (n - 1) + D * (K - 1) - P;
  if (place.some((a) => a > reach)) return "it is output padding, beyond the last stamp";
  return D > 1 ? `the kernel has holes, as its dilation is ${D}` : "the kernel is smaller than the stride";
}

function transposedAnswer(model) {
  const {state, size, now: [one]} = model, q = pixel("x", one?.i ?? 0, one?.j ?? 0), p = size[0] * size[1];
  const n = state.n ** 2, drawn = isFolded(model) ? "" : ", which is drawn with it";
  const each = state.C * state.O > 1 ? " for each pair of channels" : "";
  if (state.op === "conv") return `This is the one that is not: y = C x, and C is ${p}×${n}${each}. A gradient ` +
    "comes back through " +
    "Cᵀ. Choose “Transposed convolution”: the same weights, and Cᵀ as the way forward.";
  return `The convolution with these settings takes ${size.join("×")} pixels to ${state.n}×${state.n} by a matrix C of ` +
    `${n}×${p}${each}. Here Cᵀ is multiplied instead: column ${q} of Cᵀ is row ${q} of C${drawn}. It inverts nothing.`;
}

function strideAnswer({state, size, all}) {
  const {S, K, n, D} = state, span = D * (K - 1) + 1;
  if (state.op === "conv") return `Stride ${S}: the window moves ${S} pixels at a time, so ${n}×${n} pixels become ` +
    `${size.join("×")}.`;
  const counts = new Map();
  all.filter(({kept}) => kept).forEach(({a, b}) => counts.set(`${a},${b}`, (counts.get(`${a},${b}`) ?? 0) + 1));
  const holes = size[0] * size[1] - counts.size, most = Math.max(...counts.values());
  const how = span < S ? "there are gaps between the stamps, which stay 0" : span === S
    ? "the stamps touch, and no two overlap"
    : `neighbouring stamps overlap by ${span - S}, and up to ${most} numbers meet on a pixel`;
  return `Stride ${S}: the stamps begin ${S} pixels apart, so ${n}×${n} pixels become ${size.join("×")}; ${how}${
    holes && span >= S ? `, and ${plural(holes, "pixel")} get nothing` : ""}.`;
}
