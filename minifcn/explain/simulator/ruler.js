// Every map on one ruler: each cell lies over the pixels of the image that it stands for.

const AROUND = 48, SCALE = 2;  // pixels beside the image; of the screen for one of the image
const UP = ["score_fr", "upscore2", "score_pool4", "fuse_pool4", "upscore_pool4", "score_pool3", "fuse_pool3", "upscore8"];
const PLACED = {fuse_pool4: "upscore2", fuse_pool3: "upscore_pool4"};  // a sum lies where its coarse part lies
const CROPPED = {score_pool4: "upscore2", score_pool3: "upscore_pool4", upscore8: "score"};  // and the map that it is cut to

function movedOf(network, name) {
  const one = network.upsamplings[PLACED[name] ?? name] ?? network.maps.find((map) => map.name === name);
  return one ? one.moved : [[1, 0], [1, 0]];
}

// Left and top, width and height on the canvas of cells first to last.
function placed(moved, [top, bottom, left, right]) {
  const [[a, b], [c, d]] = moved, edge = (cell, scale, shift) => (cell - 0.5 - shift) / scale + 0.5 + AROUND;
  const [y, y2] = [edge(top, a, b), edge(bottom + 1, a, b)], [x, x2] = [edge(left, c, d), edge(right + 1, c, d)];
  return [x, y, x2 - x, y2 - y].map((v) => v * SCALE);
}

function rulerPanel(network, name, page) {
  const canvas = element("canvas"), caption = element("figcaption"), [H, W] = network.size;
  Object.assign(canvas, {width: (W + 2 * AROUND) * SCALE, height: (H + 2 * AROUND) * SCALE});
  const looked = network.maps.find((map) => map.name === name && !(name in network.scores));
  const choose = element("input", {type: "range", min: 0, max: looked ? looked.shape[0] - 1 : 0, "aria-label": `channel of ${name}`});
  choose.oninput = () => page.channel(name, Number(choose.value));
  const node = element("figure", {"data-map": name}, looked && looked.shape[0] > 1 ? [caption, canvas, choose] : [caption, canvas]);
  listen(canvas, network, name, page);

  function picture(flown, state, shown) {
    const moved = movedOf(network, name);
    if (name === "image" || name === "score") {
      const best = name === "score" ? winners(flown.score) : null;
      const ink = best ? (n) => network.palette[best[n]] : (n) => network.image.subarray(3 * n, 3 * n + 3);
      return [painted(document.createElement("canvas"), H, W, ink), placed(moved, [0, H - 1, 0, W - 1]),
        [best ? flown.score.C : 3, H, W]];
    }
    if (looked) {
      const c = state.channels[name] ?? looked.best, [top, left] = looked.first, [rows, columns] = looked.seen;
      choose.value = c;
      const place = placed(moved, [top, top + rows - 1, left, left + columns - 1]);
      return [greyPicture(looked, c), place, looked.shape, `channel ${c}, ${number(looked.low[c], 2)} to ${number(looked.high[c], 2)}`];
    }
    const map = flown.maps[name];
    return [scorePicture(map, shown), placed(moved, [0, map.H - 1, 0, map.W - 1]), [map.C, map.H, map.W]];
  }

  const show = (flown, state, shown, fields) => {
    const context = canvas.getContext("2d"), [drawn, place, [C, rows, columns], more] = picture(flown, state, shown);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = false;
    context.drawImage(drawn, ...place);
    rulers(context, network.size);
    const cut = cropBox(network, name, state.crops);
    if (cut) outline(context, placed(movedOf(network, name), cut), "#cc2b2b", [8, 5]);
    for (const [stream, fieldsOfStream] of Object.entries(fields))
      if (fieldsOfStream[name]) outline(context, placed(movedOf(network, name), fieldsOfStream[name]), INK[stream]);
    if (name === "image" || name === "score") outline(context, placed([[1, 0], [1, 0]], [state.pixel[0], state.pixel[0], state.pixel[1], state.pixel[1]]), "#cc79a7");
    const about = more ?? (name in flown.maps ? `class ${network.classes[shown]}` : "");
    caption.replaceChildren(element("b", {}, [name.replace("fuse_", "sum at ")]), ` ${C}×${rows}×${columns}`, element("small", {}, [about]));
    const focus = `the pixel is row ${state.pixel[0]}, column ${state.pixel[1]}`;
    canvas.setAttribute("aria-label", `${name}: ${name === "score" ? focus : fieldSentence(name, fields)}`);
  };
  canvas.setAttribute("role", "img");
  return {node, show};
}

function fieldSentence(name, fields) {
  const said = Object.entries(fields).filter(([, of]) => of[name]).map(([stream, of]) => {
    const [top, bottom, left, right] = of[name];
    return `by ${STREAMS[stream]} the pixel sees ${span("row", top, bottom)}, ${span("column", left, right)}`;
  });
  return said.join("; ") || "the pixel sees nothing of it";
}

// The cells that a crop keeps.
function cropBox(network, name, crops) {
  if (!(name in CROPPED)) return null;
  const [top, left] = crops[name === "upscore8" ? "score" : name];
  const [rows, columns] = name === "upscore8" ? network.size : network.upsamplings[CROPPED[name]].shape.slice(1);
  return [top, top + rows - 1, left, left + columns - 1];
}

function outline(context, [x, y, width, height], ink, dashes = []) {
  for (const [line, colour] of [[5, "rgb(0 0 0 / .75)"], [2.5, ink]]) {
    context.setLineDash(line > 4 ? [] : dashes);
    Object.assign(context, {lineWidth: line, strokeStyle: colour});
    context.strokeRect(x, y, Math.max(width, 3), Math.max(height, 3));
  }
  context.setLineDash([]);
}

// The image's edge, and ticks every 32 pixels of it.
function rulers(context, [H, W]) {
  Object.assign(context, {strokeStyle: "rgb(128 128 128)", lineWidth: 1, fillStyle: "rgb(128 128 128)"});
  context.strokeRect(AROUND * SCALE, AROUND * SCALE, W * SCALE, H * SCALE);
  for (let u = -AROUND; u <= W + AROUND; u += 32) context.fillRect((u + AROUND) * SCALE - 1, (H + 2 * AROUND) * SCALE - 8, 2, 8);
  for (let u = -AROUND; u <= H + AROUND; u += 32) context.fillRect(0, (u + AROUND) * SCALE - 1, 8, 2);
}

// A click picks a pixel; where there is a crop, dragging moves it by whole cells of its map.
function listen(canvas, network, name, page) {
  const [H, W] = network.size, crop = name === "upscore8" ? "score" : name, drags = name in CROPPED;
  let begin = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientY - box.top) / box.height * (H + 2 * AROUND) - AROUND,
      (event.clientX - box.left) / box.width * (W + 2 * AROUND) - AROUND];
  };
  if (drags) canvas.classList.add("drags");
  canvas.onpointerdown = (event) => {
    begin = {at: place(event), from: page.state().crops[crop], moved: false};
    if (drags && event.isTrusted) canvas.setPointerCapture(event.pointerId);
  };
  canvas.onpointermove = (event) => {
    if (!begin || !drags) return;
    const now = place(event), moved = movedOf(network, name);
    const by = now.map((u, axis) => Math.round((u - begin.at[axis]) * moved[axis][0]));
    begin.moved ||= by.some(Boolean);
    if (begin.moved) page.crop(crop, begin.from.map((offset, axis) => offset + by[axis]));
  };
  canvas.onpointerup = (event) => {
    if (begin && !begin.moved) page.pick(place(event).map(Math.floor));
    begin = null;
  };
  canvas.onpointercancel = () => { begin = null; };
}
