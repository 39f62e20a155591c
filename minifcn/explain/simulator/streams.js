// The upsampling path of FCN-8s. It is linear, so the score of a pixel is the sum of three streams, each of which is
// computed alone. As in minifcn/models/fcn.py.

// A transposed convolution without padding: x[c,i,j] stamps its kernels at S·i, S·j. weight[c][o][k][l], row by row.
function upsampled(x, {weight, K, S}) {
  const y = emptyMap(x.C, S * (x.H - 1) + K, S * (x.W - 1) + K);
  for (let c = 0; c < x.C; c++) for (let o = 0; o < y.C; o++) {
    const kernel = (c * y.C + o) * K * K;
    for (let i = 0; i < x.H; i++) for (let j = 0; j < x.W; j++) {
      const value = at(x, c, i, j);
      for (let k = 0; k < K; k++) {
        const row = (o * y.H + S * i + k) * y.W + S * j;
        for (let l = 0; l < K; l++) y.data[row + l] += value * weight[kernel + k * K + l];
      }
    }
  }
  return y;
}

function cropped(x, [top, left], [H, W]) {
  const y = emptyMap(x.C, H, W);
  for (let c = 0; c < y.C; c++) for (let i = 0; i < H; i++) for (let j = 0; j < W; j++)
    y.data[(c * H + i) * W + j] = at(x, c, top + i, left + j);
  return y;
}

const added = (...maps) => ({...maps[0], data: maps[0].data.map((_, n) => maps.reduce((sum, {data}) => sum + data[n], 0))});

// What does not change while a crop is dragged is not computed again.
function keepingTheLast(compute) {
  let key = null, value = null;
  return (now, ...inputs) => {
    if (key !== now) { value = compute(...inputs); key = now; }
    return value;
  };
}

function flight(network) {
  const {score_fr, score_pool4, score_pool3} = network.scores, {upscore2, upscore_pool4, upscore8} = network.upsamplings;
  const fr2 = upsampled(score_fr, upscore2), fr4 = upsampled(fr2, upscore_pool4), fr8 = upsampled(fr4, upscore8);
  const pool4 = keepingTheLast((crop) => {
    const skip = cropped(score_pool4, crop, sizesOf(fr2)), up4 = upsampled(skip, upscore_pool4);
    return {skip, up4, up8: upsampled(up4, upscore8)};
  });
  const pool3 = keepingTheLast((crop) => {
    const skip = cropped(score_pool3, crop, sizesOf(fr4));
    return {skip, up8: upsampled(skip, upscore8)};
  });

  // All maps of the path, and of each stream what it adds to every pixel of the image.
  return (crops) => {
    const four = pool4(String(crops.score_pool4), crops.score_pool4), three = pool3(String(crops.score_pool3), crops.score_pool3);
    const upscore8 = added(fr8, four.up8, three.up8), last = (map) => cropped(map, crops.score, network.size);
    const streams = {score_fr: last(fr8), score_pool4: last(four.up8), score_pool3: last(three.up8)};
    const upscore_pool4 = added(fr4, four.up4);
    return {
      streams, score: last(upscore8),
      maps: {score_fr, upscore2: fr2, score_pool4, fuse_pool4: added(fr2, four.skip), upscore_pool4, score_pool3,
        fuse_pool3: added(upscore_pool4, three.skip), upscore8},
    };
  };
}

// How far each crop can go: rows and columns of the larger map that are left.
function furthest(network) {
  const {score_fr, score_pool4, score_pool3} = network.scores, {upscore2, upscore_pool4, upscore8} = network.upsamplings;
  const up = (sizes, {K, S}) => sizes.map((n) => S * (n - 1) + K);
  const two = up(sizesOf(score_fr), upscore2), four = up(two, upscore_pool4), eight = up(four, upscore8);
  const left = (larger, smaller) => larger.map((n, axis) => n - smaller[axis]);
  return {score_pool4: left(sizesOf(score_pool4), two), score_pool3: left(sizesOf(score_pool3), four),
    score: left(eight, network.size)};
}

function winners({C, H, W, data}) {
  return Uint8Array.from({length: H * W}, (_, n) => {
    let best = 0;
    for (let c = 1; c < C; c++) if (data[c * H * W + n] > data[best * H * W + n]) best = c;
    return best;
  });
}

const IGNORED_LABEL = 255;

// As in minifcn/metrics.py: of classes that occur neither in the label nor in the prediction there is no IoU.
function meanIoU(label, predicted, classes) {
  const both = new Array(classes).fill(0), either = new Array(classes).fill(0);
  label.forEach((truth, n) => {
    if (truth === IGNORED_LABEL) return;
    either[truth] += 1;
    if (predicted[n] === truth) both[truth] += 1;
    else either[predicted[n]] += 1;
  });
  const found = range(classes).filter((c) => either[c]).map((c) => both[c] / either[c]);
  return found.reduce((sum, iou) => sum + iou, 0) / found.length;
}
