// What a pixel of the score sees of each map: rows first to last, columns first to last, by stream.

const clipped = ([first, last], n) => [Math.max(0, first), Math.min(n - 1, last)];
const underWindow = ([first, last], {K, S, P}, n) => clipped([S * first - P, S * last - P + K - 1], n);
const underStamps = ([first, last], {K, S, P}, n) => clipped([Math.ceil((first + P - K + 1) / S), Math.floor((last + P) / S)], n);

// One axis: 0 for rows, 1 for columns.
function seenAlong(axis, place, network, crops) {
  const {scores, upsamplings, maps} = network, seen = {score_fr: {}, score_pool4: {}, score_pool3: {}};
  const length = (name) => sizesOf(scores[name])[axis], from = ([a, b], by) => [a + by, b + by];
  const up = ({shape}) => shape[1 + axis];
  const eight = from([place, place], crops.score[axis]), sums = {upscore8: eight};
  sums.fuse_pool3 = underStamps(eight, upsamplings.upscore8, up(upsamplings.upscore_pool4));
  sums.fuse_pool4 = underStamps(sums.fuse_pool3, upsamplings.upscore_pool4, up(upsamplings.upscore2));
  Object.assign(sums, {upscore_pool4: sums.fuse_pool3, upscore2: sums.fuse_pool4});
  const heads = {
    score_pool3: ["pool3", from(sums.fuse_pool3, crops.score_pool3[axis])],
    score_pool4: ["pool4", from(sums.fuse_pool4, crops.score_pool4[axis])],
    score_fr: ["fc7", underStamps(sums.fuse_pool4, upsamplings.upscore2, length("score_fr"))],
  };
  const trunk = maps.filter(({name}) => !(name in scores));
  for (const [name, [scored, span]] of Object.entries(heads)) {
    seen[name][name] = span;
    let now = span, n = trunk.findIndex((map) => map.name === scored);
    for (; n >= 0; n--) {
      seen[name][trunk[n].name] = now;
      const below = n ? trunk[n - 1].shape[1 + axis] : network.size[axis];
      now = underWindow(now, trunk[n].window, below);
    }
    seen[name].image = now;
  }
  for (const [name, span] of Object.entries(sums)) seen.score_fr[name] = span;
  seen.score_pool4.upscore_pool4 = seen.score_pool4.fuse_pool3 = sums.fuse_pool3;
  seen.score_pool4.fuse_pool4 = sums.fuse_pool4;
  seen.score_pool3.fuse_pool3 = sums.fuse_pool3;
  seen.score_pool4.upscore8 = seen.score_pool3.upscore8 = eight;
  return seen;
}

// By stream and map: [first row, last row, first column, last column]; what sees nothing is left out.
function fieldsOf(pixel, network, crops) {
  const [rows, columns] = [0, 1].map((axis) => seenAlong(axis, pixel[axis], network, crops)), fields = {};
  for (const stream of Object.keys(rows)) {
    fields[stream] = {};
    for (const [name, [top, bottom]] of Object.entries(rows[stream])) {
      const [left, right] = columns[stream][name];
      if (top <= bottom && left <= right) fields[stream][name] = [top, bottom, left, right];
    }
  }
  return fields;
}
