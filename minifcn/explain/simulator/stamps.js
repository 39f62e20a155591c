// One upsampling, stamp by stamp: each pixel of x stamps its kernels where it stands, and they add up.

const INPUTS = {upscore2: "score_fr", upscore_pool4: "fuse_pool4", upscore8: "fuse_pool3"};

function stampAt(x, {weight, K, S}, n, shown) {
  const [i, j] = [Math.floor(n / x.W), n % x.W], stamp = emptyMap(1, K, K);
  for (let c = 0; c < x.C; c++) for (let p = 0; p < K * K; p++)
    stamp.data[p] += at(x, c, i, j) * weight[(c * x.C + shown) * K * K + p];
  return {i, j, stamp, top: S * i, left: S * j};
}

// The result after so many stamps, of one class.
function partly(x, upsampling, steps, shown) {
  const {K, S} = upsampling, y = emptyMap(1, S * (x.H - 1) + K, S * (x.W - 1) + K);
  for (let n = 0; n < steps; n++) {
    const {stamp, top, left} = stampAt(x, upsampling, n, shown);
    for (let k = 0; k < K; k++) for (let l = 0; l < K; l++)
      y.data[(top + k) * y.W + left + l] += stamp.data[k * K + l];
  }
  return y;
}

function stampSentence(network, state, x, shown) {
  const steps = x.H * x.W, {stage, t} = state, {K, S} = network.upsamplings[stage];
  const name = INPUTS[stage].replace("fuse_", "sum at ");
  if (t === 0) return `${stage}, kernel ${K}, stride ${S}: none of the ${steps} stamps of ${name} is added yet`;
  const {i, j, top, left} = stampAt(x, network.upsamplings[stage], t - 1, shown);
  return `stamp ${t} of ${steps}: the ${x.C} scores of ${pixel(name, i, j)}, ${network.classes[shown]} ${number(at(x, shown, i, j))}, ` +
    `stamp their kernels on ${span("row", top, top + K - 1)}, ${span("column", left, left + K - 1)} of ${stage}`;
}

function stampView(page) {
  const names = ["x", "stamp", "y"], canvases = names.map(() => element("canvas", {role: "img"})), captions = names.map(() => element("figcaption"));
  const sentence = element("p", {class: "stamp-sentence", "aria-live": "polite"});
  const stage = element("select", {"aria-label": "upsampling"}, STAGES.map((name) => element("option", {value: name}, [name])));
  const place = element("input", {type: "range", min: 0, "aria-label": "stamps added"});
  const back = button("◀", {"aria-label": "one stamp back"}), next = button("▶", {"aria-label": "one stamp further"});
  const here = button("to the pixel");
  stage.onchange = () => page.set({stage: stage.value, t: 0});
  place.oninput = () => page.set({t: Number(place.value)});
  back.onclick = () => page.set({t: page.state().t - 1});
  next.onclick = () => page.set({t: page.state().t + 1});
  here.onclick = () => page.toPixel();
  const figures = names.map((name, n) => element("figure", {"data-stamp": name}, [captions[n], canvases[n]]));
  const node = element("section", {}, [element("div", {class: "line"}, [stage, back, place, next, here]), sentence,
    element("div", {class: "stamps"}, figures)]);
  const show = (network, state, flown, shown) => {
    const x = flown.maps[INPUTS[state.stage]], upsampling = network.upsamplings[state.stage], {t} = state;
    const y = partly(x, upsampling, t, shown), last = t ? stampAt(x, upsampling, t - 1, shown) : null;
    stage.value = state.stage;
    Object.assign(place, {max: x.H * x.W, value: t});
    back.setAttribute("aria-disabled", t === 0);
    next.setAttribute("aria-disabled", t === x.H * x.W);
    sentence.textContent = stampSentence(network, state, x, shown);
    enlarged(canvases[0], scorePicture(x, shown), last && [last.left, last.top, upsampling.S, upsampling.S].map((v) => v / upsampling.S));
    const {K} = upsampling;
    enlarged(canvases[1], scorePicture(last ? last.stamp : emptyMap(1, K, K), 0), null);
    enlarged(canvases[2], scorePicture(y, 0), last && [last.left, last.top, K, K]);
    const about = [`${INPUTS[state.stage].replace("fuse_", "sum at ")}, ${x.H}×${x.W}`, `its stamp, ${K}×${K}${t ? "" : ": none yet"}`,
      `${state.stage} so far, ${y.H}×${y.W}${t ? "" : ": all 0"}`];
    about.forEach((text, n) => { captions[n].textContent = text; canvases[n].setAttribute("aria-label", text); });
  };
  return {node, show};
}

function enlarged(canvas, drawn, box) {
  const times = Math.max(2, Math.floor(320 / drawn.width)), context = canvas.getContext("2d");
  Object.assign(canvas, {width: drawn.width * times, height: drawn.height * times});
  context.imageSmoothingEnabled = false;
  context.drawImage(drawn, 0, 0, canvas.width, canvas.height);
  if (box) outline(context, box.map((v) => v * times), "#e69f00");
}
