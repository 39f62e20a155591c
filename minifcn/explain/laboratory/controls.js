// What one sets: operation, sizes, presets, how to step.

const SLIDERS = {
  n: "size n", K: "kernel K", S: "stride S", P: "padding P", D: "dilation D", A: "output padding", C: "channels in",
  O: "channels out",
};

function labelled(text, control) {
  return element("label", {}, [element("span", {}, [text]), control]);
}

function select(options, attributes) {
  return element("select", attributes, options.map(([value, text]) => element("option", {value}, [text])));
}

function choiceButtons(choices, label, onChoose) {
  const buttons = Object.entries(choices).map(([value, text]) => {
    const one = button(text, {"data-value": value});
    one.onclick = () => onChoose(value);
    return one;
  });
  const node = element("div", {class: "choice", role: "group", "aria-label": label}, buttons);
  return {node, show: (value) => buttons.forEach((one) => one.setAttribute("aria-pressed",
    one.dataset.value === value))};
}

function slider(name, page) {
  const input = element("input", {type: "range", step: 1}), value = element("b");
  const less = button("−", {class: "small", "aria-label": `less ${SLIDERS[name]}`});
  const more = button("+", {class: "small", "aria-label": `more ${SLIDERS[name]}`});
  const to = (n) => page.set({[name]: n});
  input.oninput = () => to(Number(input.value));
  less.onclick = () => to(page.state()[name] - 1);
  more.onclick = () => to(page.state()[name] + 1);
  const text = document.createTextNode(""), label = element("label", {}, [element("span", {}, [text, value]), input]);
  const node = element("div", {class: "slider", "data-name": name}, [label, less, more]);
  return {node, show: (state, isThere) => {
    const [least, most] = limits(state, name);
    node.hidden = !isThere;
    text.textContent = name === "C" && state.op === "cross-entropy" ? "classes " : `${SLIDERS[name]} `;
    Object.assign(input, {min: least, max: most, value: state[name], disabled: least === most});
    value.textContent = state[name];
    less.setAttribute("aria-disabled", state[name] <= least);
    more.setAttribute("aria-disabled", state[name] >= most);
  }};
}

// Which sliders an operation has.
function hasSlider(state, name) {
  if (name === "C") return true;
  if (state.op === "cross-entropy") return name === "n";
  if (state.op === "max-pool") return name !== "A" && name !== "O";
  return name !== "A" || state.op === "conv-transpose";
}

function presetMenu(page) {
  const groups = Object.entries(PRESETS).map(([name, presets]) => element("optgroup", {label: name},
    presets.map((one, k) => element("option", {value: `${name}/${k}`}, [one.name]))));
  const menu = element("select", {}, [element("option", {value: ""}, ["choose …"]), ...groups]);
  menu.onchange = () => {
    const [name, k] = menu.value.split("/");
    if (PRESETS[name]) page.show(preset(page.state(), PRESETS[name][k]));
  };
  // It names the state as long as it is a preset: of several, the one that was chosen.
  const all = Object.entries(PRESETS).flatMap(([name, presets]) => presets.map((one, k) => [`${name}/${k}`, one]));
  const show = (state) => {
    const same = all.filter(([, one]) => isPreset(state, one)).map(([name]) => name);
    if (!same.includes(menu.value)) menu.value = same[0] ?? "";
  };
  return {node: labelled("Preset", menu), show};
}

function fillMenu(name, text, kinds, page) {
  const menu = select([["", "fill …"], ...kinds.map((kind) => [kind, FILLS[kind]])], {});
  menu.onchange = () => {
    if (menu.value) page.show(withFill(page.state(), menu.value, name));
    menu.value = "";
  };
  return labelled(text, menu);
}

function setting(name, text, choices, page) {
  const menu = select(Object.entries(choices), {});
  menu.onchange = () => page.set({[name]: isNaN(menu.value) || menu.value === "" ? menu.value : Number(menu.value)});
  const node = labelled(text, menu);
  return {node, menu, show: (value, isThere) => { node.hidden = !isThere; menu.value = String(value); }};
}

function buildControls(page) {
  const operation = choiceButtons(OPERATIONS, "operation", (op) => page.set({op}));
  const way = choiceButtons({forward: "forward", backward: "backward"}, "direction", (value) => page.set({way: value}));
  const sliders = Object.keys(SLIDERS).map((name) => [name, slider(name, page)]);
  const fillX = fillMenu("x", "Input", ["count", "ones", "impulse", "random"], page);
  const fillW = fillMenu("weight", "Kernel", ["count", "ones", "bilinear", "average", "random"], page);
  const ceil = setting("ceil", "Size", {0: "rounded down", 1: "rounded up (ceil mode)"}, page);
  const shown = setting("shown", "Shown channel of y", {0: "0"}, page), mistakes = setting("mistake", "Way back", {},
    page);
  const presets = presetMenu(page);
  const menus = element("div", {class: "menus"}, [presets.node, fillX, fillW, ceil.node, shown.node, mistakes.node]);
  const node = element("div", {class: "controls"}, [
    element("div", {class: "choices"}, [operation.node, way.node]), menus,
    element("div", {class: "sliders"}, sliders.map(([, {node: one}]) => one))]);
  const show = (state) => {
    presets.show(state);
    operation.show(state.op);
    way.show(state.way);
    way.node.hidden = !isConvolution(state);
    sliders.forEach(([name, one]) => one.show(state, hasSlider(state, name)));
    fillW.hidden = !isConvolution(state);
    ceil.show(state.ceil, state.op === "max-pool");
    shown.menu.replaceChildren(...range(state.O).map((o) => element("option", {value: o}, [String(o)])));
    shown.show(state.shown, isConvolution(state) && state.O > 1 && state.way === "forward");
    const wrong = [["", "right"], ...MISTAKES[state.op].map(({name, title}) => [name, `wrong: ${title}`])];
    mistakes.menu.replaceChildren(...wrong.map(([value, text]) => element("option", {value}, [text])));
    mistakes.show(state.mistake, state.way === "backward");
  };
  return {node, show};
}

// ---- the bar of the steps ----

function buildBar(page) {
  const back = button("◀", {"aria-label": "one step back"}), next = button("▶", {"aria-label": "one step forward"});
  const play = button("play"), place = element("input", {type: "range", min: 0, "aria-label": "steps done"});
  const order = choiceButtons({x: "by pixels of x", y: "by pixels of y"}, "order of the steps", (by) =>
    page.reorder(by));
  const fine = choiceButtons({0: "a pixel", 1: "a product"}, "size of a step", (value) => page.refine(Number(value)));
  back.onclick = () => page.move(-1);
  next.onclick = () => page.move(1);
  place.oninput = () => page.step(Number(place.value));
  play.onclick = () => page.play();
  const sentence = element("p", {class: "sentence", "aria-live": "polite"}), made = element("p", {class: "made"});
  const node = element("div", {class: "bar"}, [
    element("div", {class: "steps"}, [back, place, next, play, order.node, fine.node]), sentence, made]);
  const show = (state, {t, last, text, about, isPlaying}) => {
    Object.assign(place, {max: last, value: t});
    place.setAttribute("aria-valuetext", text);
    back.setAttribute("aria-disabled", t === 0 && !state.u);
    next.setAttribute("aria-disabled", t >= last && !state.u);
    play.textContent = isPlaying ? "stop" : "play";
    order.show(orderOf(state));
    fine.show(String(state.fine));
    order.node.hidden = fine.node.hidden = state.way === "backward";
    if (sentence.textContent !== text) sentence.textContent = text;
    made.textContent = about;
  };
  return {node, show};
}
