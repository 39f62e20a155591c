// FCN-32s and FCN-16s beside the FCN-8s: on its trunk, with scores of their own, and upsampling that is bilinear for ever.

const COARSER = ["FCN-32s", "FCN-16s"];

// As nn.init.bilinear_kernel, for an even K.
function bilinear(K) {
  const along = range(K).map((k) => 1 - Math.abs(k - (K - 1) / 2) / (K / 2));
  return Float64Array.from({length: K * K}, (_, n) => along[Math.floor(n / K)] * along[n % K]);
}

// Every class apart.
function bilinearly(x, {K, S}) {
  const weight = bilinear(K), plane = x.H * x.W;
  const classes = range(x.C).map((c) => upsampled({...x, C: 1, data: x.data.subarray(c * plane, (c + 1) * plane)}, {weight, K, S}));
  const y = emptyMap(x.C, ...sizesOf(classes[0]));
  classes.forEach(({data}, c) => y.data.set(data, c * data.length));
  return y;
}

// How many pixels the last crop of the FCN-8s is beside the derived one, so many are theirs, as far as their maps go.
function lastCrop(network, {crop}, map, crops) {
  return crops.score.map((offset, axis) => {
    const most = sizesOf(map)[axis] - network.size[axis];
    return Math.min(most, Math.max(0, crop + offset - network.crops.score[axis]));
  });
}

// Of each network the scores, and the crop by which they come to the image.
function coarserFlights(network) {
  const {"FCN-32s": coarse, "FCN-16s": middle} = network.coarser;
  const whole32 = bilinearly(coarse.scores.score_fr, coarse.upsamplings.upscore);
  const fr2 = bilinearly(middle.scores.score_fr, middle.upsamplings.upscore2);
  const whole16 = keepingTheLast((crop) =>
    bilinearly(added(fr2, cropped(middle.scores.score_pool4, crop, sizesOf(fr2))), middle.upsamplings.upscore16));
  return (crops) => {
    const maps = {"FCN-32s": whole32, "FCN-16s": whole16(String(crops.score_pool4), crops.score_pool4)};
    return Object.fromEntries(COARSER.map((name) => {
      const crop = lastCrop(network, network.coarser[name], maps[name], crops);
      return [name, {crop, score: cropped(maps[name], crop, network.size)}];
    }));
  };
}
