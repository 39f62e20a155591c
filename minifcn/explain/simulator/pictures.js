// Maps as pictures.

const STREAMS = {score_fr: "fc7", score_pool4: "pool4", score_pool3: "pool3"};
const INK = {score_fr: "#2b8fcc", score_pool4: "#e69f00", score_pool3: "#009e73"};  // Okabe and Ito's colours
const GREY = [128, 128, 128];

function painted(canvas, H, W, colour) {
  Object.assign(canvas, {width: W, height: H});
  const context = canvas.getContext("2d"), picture = context.createImageData(W, H);
  for (let n = 0; n < H * W; n++) picture.data.set([...colour(n), 255], 4 * n);
  context.putImageData(picture, 0, 0);
  return canvas;
}

// Of scores: orange above 0, blue below, white at 0.
function scoreColour(value, largest) {
  const part = Math.min(1, Math.abs(value) / (largest || 1)), full = value > 0 ? [200, 90, 0] : [0, 90, 170];
  return full.map((ink) => Math.round(255 + (ink - 255) * part));
}

function scorePicture(map, c) {
  const plane = map.data.subarray(c * map.H * map.W, (c + 1) * map.H * map.W);
  const largest = plane.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return painted(document.createElement("canvas"), map.H, map.W, (n) => scoreColour(plane[n], largest));
}

function greyPicture({seen: [H, W], data}, c) {
  return painted(document.createElement("canvas"), H, W, (n) => Array(3).fill(data[c * H * W + n]));
}

// A picture of the image's size with a mark on the pixel in focus; a click on it picks another one.
function imageView(network, title, page) {
  const canvas = element("canvas", {role: "img"}), mark = element("i", {class: "mark"}), caption = element("figcaption");
  const [H, W] = network.size, frame = element("div", {class: "frame"}, [canvas, mark]);
  frame.onclick = (event) => {
    const box = canvas.getBoundingClientRect();
    page.pick([(event.clientY - box.top) / box.height * H, (event.clientX - box.left) / box.width * W].map(Math.floor));
  };
  const show = (colour, text, [row, column]) => {
    painted(canvas, H, W, colour);
    caption.textContent = text;
    canvas.setAttribute("aria-label", `${text}; row ${row}, column ${column} is marked`);
    Object.assign(mark.style, {top: `${100 * row / H}%`, left: `${100 * column / W}%`, height: `${100 / H}%`, width: `${100 / W}%`});
  };
  return {node: element("figure", {"data-view": title}, [caption, frame]), show};
}
