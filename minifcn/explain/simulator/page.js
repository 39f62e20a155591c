// The page: one state, what is shown of it, and what changes it.

const NETS = [...COARSER, "FCN-8s"];
const SUMS = {fc7: "fc7's stream alone, at stride 32", pool4: "with pool4's, at stride 16", pool3: "with pool3's, as in FCN-8s"};

function simulator(root, given, alone) {
  const network = networkOf(given), most = furthest(network), C = network.classes.length;
  const fly = flight(network), flyCoarser = coarserFlights(network);
  const startingState = () => fromAddress(alone ? location.hash.slice(1) : "", network);
  const writeAddress = addressBar();
  let state = startingState(), asked = false;

  const held = (value, least, largest) => Math.min(largest, Math.max(least, value));
  const page = {
    root,
    state: () => state,
    set: (settings) => { state = {...state, ...settings}; render(); },
    pick: (pixel) => page.set({pixel: pixel.map((n, axis) => held(n, 0, network.size[axis] - 1))}),
    crop: (name, offset) => page.set({crops: {...state.crops,
      [name]: offset.map((n, axis) => held(n, 0, most[name][axis]))}}),
    channel: (name, c) => page.set({channels: {...state.channels, [name]: c}}),
    toPixel: () => page.set({t: stampOfPixel()}),
    right: () => page.set({crops: structuredClone(network.crops)}),
  };

  // The last stamp that lies on the pixel in focus.
  function stampOfPixel() {
    const x = fly(state.crops).maps[INPUTS[state.stage]], fields = fieldsOf(state.pixel, network, state.crops).score_fr;
    const seen = fields[INPUTS[state.stage]];
    return seen ? seen[1] * x.W + seen[3] + 1 : 0;
  }

  const views = {image: imageView(network, "image", page), label: imageView(network, "label", page)};
  for (const name of NETS) views[name] = imageView(network, name, page);
  const sums = Object.fromEntries(Object.keys(SUMS).map((name) => [name, imageView(network, name, page)]));
  const sentence = element("p", {class: "sentence", "aria-live": "polite"}), table = element("div", {class: "scroll"});
  const crops = cropControls(network, most, page), shownMenu = element("select", {}, [element("option", {value: -1}, ["the winner"]),
    ...network.classes.map((name, c) => element("option", {value: c}, [name]))]);
  shownMenu.onchange = () => page.set({shown: Number(shownMenu.value)});
  const up = [...UP, "score"].map((name) => rulerPanel(network, name, page));
  const down = ["image", ...network.maps.map(({name}) => name).filter((name) => !(name in network.scores))]
    .map((name) => rulerPanel(network, name, page));
  const stamps = stampView(page), nodes = (panels) => panels.map(({node}) => node);
  root.replaceChildren(element("p", {class: "about"}, [ABOUT]),
    element("div", {class: "images"}, nodes(Object.values(views))),
    crops.node, sentence, table,
    element("p", {class: "sums"}, [STREAMS_ALONE]), element("div", {class: "images few"}, nodes(Object.values(sums))),
    element("h2", {}, ["From scores to the image, coarse to fine"]),
    element("p", {}, [RULER, element("label", {}, [" Class shown: ", shownMenu])]),
    element("div", {class: "ruler"}, nodes(up)),
    element("h2", {}, ["The upsampling, stamp by stamp"]), stamps.node,
    element("h2", {}, ["From the image to fc7"]), element("div", {class: "ruler"}, nodes(down)));

  function render() {
    if (asked) return;
    asked = true;  // a drag moves faster than the screen
    requestAnimationFrame(() => { asked = false; renderNow(); });
  }

  function renderNow() {
    const flown = fly(state.crops), {streams} = flown, fields = fieldsOf(state.pixel, network, state.crops);
    const {winner} = verdict(scoresAt(flown, state.pixel).total), shown = state.shown < 0 ? winner : state.shown;
    const x = flown.maps[INPUTS[state.stage]];
    state.t = held(state.t, 0, x.H * x.W);
    const ink = (classes) => (n) => network.palette[classes[n]] ?? GREY;
    views.image.show((n) => network.image.subarray(3 * n, 3 * n + 3), "image", state.pixel);
    views.label.show(ink(network.label), "label", state.pixel);
    const show = (view, text, score) => {
      const predicted = winners(score), iou = meanIoU(network.label, predicted, C);
      view.show(ink(predicted), `${text}: mean IoU ${iou.toFixed(3)}`, state.pixel);
      return iou;
    };
    for (const [name, {crop, score}] of Object.entries(flyCoarser(state.crops)))
      show(views[name], `${name}, cropped at ${both(crop)}`, score);
    crops.show(state, show(views["FCN-8s"], `FCN-8s, cropped at ${both(state.crops.score)}`, flown.score));
    show(sums.fc7, SUMS.fc7, streams.score_fr);
    show(sums.pool4, SUMS.pool4, added(streams.score_fr, streams.score_pool4));
    show(sums.pool3, SUMS.pool3, flown.score);
    sentence.textContent = pixelSentence(network, state, flown);
    table.replaceChildren(pixelTable(network, state, flown));
    shownMenu.value = state.shown;
    for (const panel of [...up, ...down]) panel.show(flown, state, shown, fields);
    stamps.show(network, state, flown, shown);
    remember();
  }

  function remember() {
    if (alone) writeAddress(toAddress(state, network));
  }

  const STEPS = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};
  function onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || event.target.matches("input, select")) {
      if (!alone) event.stopPropagation();  // JupyterLab would take the keys for its own commands
      return;
    }
    const by = STEPS[event.key];
    if (!by) return;
    page.pick(state.pixel.map((n, axis) => n + by[axis]));
    event.preventDefault();
    event.stopPropagation();
  }

  (alone ? document : root).addEventListener("keydown", onKey);
  if (alone) addEventListener("hashchange", () => { state = startingState(); render(); });
  new ResizeObserver(() => root.style.setProperty("--crops", `${crops.node.offsetHeight}px`)).observe(crops.node);
  renderNow();
  return page;
}

const ABOUT = "A small FCN-8s with trained weights, in the paper's geometry: the image is padded by 100, and three crops, " +
  "at 5, 9 and 31, bring the maps over each other again. FCN-32s and FCN-16s have its trunk, on which only their score " +
  "layers were trained; the crop of score_pool4 moves FCN-16s too, and the last crop moves all three. Click a pixel, or " +
  "move it with the arrow keys.";
const STREAMS_ALONE = "The streams of this FCN-8s, added one after the other. They show what each of them adds, not how well " +
  "FCN-32s and FCN-16s do: trained together, they rely on each other.";
const both = ([top, left]) => (top === left ? `${top}` : `${top}, ${left}`);
const RULER = "Each cell lies over the pixels of the image that it stands for; the grey square is the image, ticks are 32 " +
  "pixels apart. Dashed red: what a crop keeps; drag it. Frames: what the pixel sees, by stream, in the colours of the " +
  "table. Orange scores are above 0, blue ones below.";

function cropControls(network, most, page) {
  const result = element("p", {class: "result", "aria-live": "polite"}), reset = button("crops as derived");
  reset.onclick = () => page.right();
  const rows = Object.entries(CROPS).map(([name, text]) => {
    const input = element("input", {type: "range", min: 0, max: Math.min(...most[name]), "data-crop": name});
    const value = element("b"), to = (by) => page.crop(name, page.state().crops[name].map((n) => n + by));
    const less = button("−", {class: "small", "aria-label": `less ${text}`}), more = button("+", {class: "small", "aria-label": `more ${text}`});
    input.oninput = () => page.crop(name, [Number(input.value), Number(input.value)]);
    less.onclick = () => to(-1);
    more.onclick = () => to(1);
    const show = ({crops}) => {
      const [top, left] = crops[name], [derived] = network.crops[name];
      input.value = top;
      value.textContent = `${both(crops[name])}${top === derived && left === derived ? "" : `, not ${derived}`}`;
    };
    return {show, node: element("div", {class: "slider"}, [element("label", {}, [element("span", {}, [`${text} `, value]), input]), less, more])};
  });
  const node = element("div", {class: "crops"}, [...rows.map((row) => row.node), reset, result]);
  return {node, show: (state, iou) => {
    rows.forEach((row) => row.show(state));
    result.textContent = `FCN-8s: mean IoU ${iou.toFixed(3)}`;
  }};
}
