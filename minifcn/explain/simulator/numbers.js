// Numbers out of the page's text. A map is {C, H, W, data}: channel by channel, row by row.

const range = (n) => Array.from({length: n}, (_, i) => i);
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const exact = (text) => new Float64Array(bytes(text).buffer);
const emptyMap = (C, H, W) => ({C, H, W, data: new Float64Array(C * H * W)});
const sizesOf = ({H, W}) => [H, W];
const at = (map, c, i, j) => map.data[(c * map.H + i) * map.W + j];

const mapOf = ({shape: [C, H, W], data}) => ({C, H, W, data: exact(data)});
const scoresOf = (given) => Object.fromEntries(Object.entries(given).map(([name, map]) => [name, mapOf(map)]));

// The network of the page: scores of three maps, three upsamplings, crops, and what is only looked at.
function networkOf(given) {
  const scores = scoresOf(given.scores), upsamplings = {}, coarser = {};
  for (const [name, one] of Object.entries(given.coarser)) coarser[name] = {...one, scores: scoresOf(one.scores)};
  for (const [name, one] of Object.entries(given.upsamplings)) upsamplings[name] = {...one, weight: exact(one.weight)};
  const maps = given.maps.map((map) => ({...map, data: bytes(map.data)}));
  const crops = Object.fromEntries(Object.entries(given.crops).map(([name, offset]) => [name, [offset, offset]]));
  return {...given, image: bytes(given.image), label: bytes(given.label), scores, upsamplings, maps, crops,
    coarser};
}
