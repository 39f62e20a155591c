// What the page shows. All of it travels in the address after the #.

const CROPS = {score_pool4: "crop of score_pool4", score_pool3: "crop of score_pool3", score: "last crop, to the image"};
const STAGES = ["upscore2", "upscore_pool4", "upscore8"];

function firstState(network) {
  const [H, W] = network.size;
  return {pixel: [H >> 1, W >> 1], crops: structuredClone(network.crops), shown: -1, stage: "upscore2", t: 0, channels: {}};
}

function toAddress(state, network) {
  const first = firstState(network), parts = [];
  if (String(state.pixel) !== String(first.pixel)) parts.push(`pixel=${state.pixel}`);
  for (const name of Object.keys(CROPS))
    if (String(state.crops[name]) !== String(network.crops[name])) parts.push(`${name}=${state.crops[name]}`);
  for (const name of ["shown", "stage", "t"]) if (state[name] !== first[name]) parts.push(`${name}=${state[name]}`);
  return parts.join("&");
}

// Whoever wrote it, a state comes out: what cannot be is left out.
function fromAddress(address, network) {
  const asked = new URLSearchParams(address), state = firstState(network), most = furthest(network);
  const pair = (name, limits) => {
    const found = (asked.get(name) ?? "").split(",").map(Number);
    return found.length === 2 && found.every((n, axis) => Number.isInteger(n) && 0 <= n && n <= limits[axis]) ? found : null;
  };
  state.pixel = pair("pixel", network.size.map((n) => n - 1)) ?? state.pixel;
  for (const name of Object.keys(CROPS)) state.crops[name] = pair(name, most[name]) ?? state.crops[name];
  if (STAGES.includes(asked.get("stage"))) state.stage = asked.get("stage");
  const shown = Number(asked.get("shown") ?? NaN), t = Number(asked.get("t") ?? NaN);
  if (Number.isInteger(shown) && 0 <= shown && shown < network.classes.length) state.shown = shown;
  if (Number.isInteger(t) && 0 <= t && t < 1e5) state.t = t;
  return state;
}
