// States to begin with. Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning", has the first
// two groups; n is the size of what goes in.

const PLAIN = {n: 3, K: 3, S: 1, P: 0, D: 1, A: 0, C: 1, O: 1, ceil: 0, way: "forward"};
const conv = (name, settings) => ({name, settings: {...PLAIN, op: "conv", ...settings}});
const transposed = (name, settings) => ({name, settings: {...PLAIN, op: "conv-transpose", ...settings}});
const pool = (name, settings) => ({name, settings: {...PLAIN, op: "max-pool", way: "backward", ...settings}});
const bilinear = (factor) => transposed(`by ${factor}`, {
  n: 3, K: 2 * factor - (factor % 2), S: factor, P: Math.floor(factor / 2), fill: "bilinear",
});

const PRESETS = {
  "To begin with": [transposed("3×3 pixels, kernel 3, stride 2, padding 1", {S: 2, P: 1, t: 5})],
  "Dumoulin and Visin: convolution": [
    conv("no padding, unit strides", {n: 4}),
    conv("arbitrary padding", {n: 5, K: 4, P: 2}),
    conv("half (same) padding", {n: 5, P: 1}),
    conv("full padding", {n: 5, P: 2}),
    conv("no padding, strides", {n: 5, S: 2}),
    conv("padding and strides", {n: 5, S: 2, P: 1}),
    conv("padding and strides, odd", {n: 6, S: 2, P: 1}),
    conv("dilation", {n: 7, D: 2}),
    conv("average pooling, as a convolution", {n: 5, fill: "average"}),
    pool("max-pooling", {n: 5}),
  ],
  "Dumoulin and Visin: transposed": [
    transposed("no padding, unit strides", {n: 2}),
    transposed("arbitrary padding", {n: 6, K: 4, P: 2}),
    transposed("half (same) padding", {n: 5, P: 1}),
    transposed("full padding", {n: 7, P: 2}),
    transposed("no padding, strides", {n: 2, S: 2}),
    transposed("padding and strides", {n: 3, S: 2, P: 1}),
    transposed("padding and strides, odd", {n: 3, S: 2, P: 1, A: 1}),
  ],
  "Bilinear upsampling": [bilinear(2), bilinear(3), bilinear(4)],
  "Upsampling in FCNs": [
    transposed("upscore2 and upscore_pool4, by 2", {n: 4, K: 4, S: 2, fill: "bilinear"}),
    transposed("upscore8, by 8 (FCN-8s)", {n: 4, K: 16, S: 8, fill: "bilinear"}),
    transposed("upscore16, by 16 (FCN-16s)", {n: 3, K: 32, S: 16, fill: "bilinear"}),
    transposed("upscore, by 32 (FCN-32s)", {n: 2, K: 64, S: 32, fill: "bilinear"}),
    transposed("aligned variant, by 2", {n: 4, K: 4, S: 2, P: 1, fill: "bilinear"}),
    transposed("aligned variant, by 8", {n: 4, K: 16, S: 8, P: 4, fill: "bilinear"}),
    transposed("aligned variant, by 16", {n: 3, K: 32, S: 16, P: 8, fill: "bilinear"}),
    transposed("aligned variant, by 32", {n: 2, K: 64, S: 32, P: 16, fill: "bilinear"}),
  ],
  "Checkerboard": [
    transposed("kernel 3, stride 2: uneven", {n: 4, K: 3, S: 2, fill: "ones"}),
    transposed("kernel 4, stride 2: even inside", {n: 4, K: 4, S: 2, fill: "ones"}),
    transposed("kernel 2, stride 3: holes", {n: 3, K: 2, S: 3, fill: "ones"}),
  ],
  "Channels": [
    transposed("two channels become three", {n: 2, S: 2, P: 1, C: 2, O: 3}),
    conv("three channels become two", {n: 4, C: 3, O: 2}),
  ],
  "Backward": [
    conv("convolution", {n: 3, P: 1, S: 2, way: "backward"}),
    transposed("transposed convolution", {n: 2, S: 2, P: 1, way: "backward"}),
    pool("max-pooling with ties", {n: 4, K: 2, S: 2}),
    pool("max-pooling, overlapping, padded", {n: 4, K: 3, S: 2, P: 1}),
    pool("max-pooling, rounded up (ceil mode)", {n: 5, K: 2, S: 2, ceil: 1}),
    {name: "pixel-wise cross-entropy", settings: {...PLAIN, op: "cross-entropy", way: "backward", n: 2, C: 3}},
  ],
};

// Whether a state is a preset, however far it has been stepped.
function isPreset(state, {settings: {fill = "count", t, ...settings}}) {
  return Object.entries(settings).every(([name, value]) => state[name] === value) && !state.mistake &&
    Object.keys(shapes(state)).every((name) => fillOf(state, name) === (name === "weight" ? fill : "count"));
}

function preset(state, {settings: {fill, ...settings}}) {
  const plain = {...FIRST, numbers: {}, t: 1, by: "", mistake: ""};
  const next = changed({...plain, ...settings, t: settings.t ?? 1}, {});
  return fill ? withFill(next, fill, "weight") : next;
}
