// The pixel in focus: the three streams that add up there, class by class.

function scoresAt(flown, [row, column]) {
  const pick = (map) => range(map.C).map((c) => at(map, c, row, column));
  const streams = Object.fromEntries(Object.entries(flown.streams).map(([name, map]) => [name, pick(map)]));
  return {streams, total: pick(flown.score)};
}

function verdict(total) {
  const order = range(total.length).sort((a, b) => total[b] - total[a] || a - b);
  return {winner: order[0], second: order[1], margin: total[order[0]] - total[order[1]]};
}

function pixelSentence(network, state, flown) {
  const {total} = scoresAt(flown, state.pixel), {winner, second, margin} = verdict(total);
  const [row, column] = state.pixel, label = network.label[row * network.size[1] + column], {classes} = network;
  const truth = label === IGNORED_LABEL ? "the label does not count it" : label === winner ? "and so says the label"
    : `but the label says ${classes[label]}`;
  return `Row ${row}, column ${column}: ${classes[winner]} wins with ${number(total[winner])}, ${number(margin)} above ` +
    `${classes[second]}; ${truth}.`;
}

function pixelTable(network, state, flown) {
  const {streams, total} = scoresAt(flown, state.pixel), {winner} = verdict(total);
  const heads = ["class", ...Object.entries(STREAMS).map(([name, from]) => `${name}, from ${from}`), "sum"];
  const head = element("tr", {}, heads.map((text, n) => {
    const parts = text.split(/(?<=_)/).flatMap((part, k) => (k ? [element("wbr"), part] : [part]));  // on a phone
    const cell = element("th", {scope: "col"}, parts), ink = INK[Object.keys(STREAMS)[n - 1]];
    if (ink) cell.style.borderBottom = `4px solid ${ink}`;
    return cell;
  }));
  const rows = network.classes.map((name, c) => {
    const swatch = element("i", {class: "swatch"});
    swatch.style.background = `rgb(${network.palette[c]})`;
    const values = [...Object.keys(STREAMS).map((stream) => streams[stream][c]), total[c]];
    return element("tr", c === winner ? {class: "winner"} : {}, [element("th", {scope: "row"}, [swatch, name]),
      ...values.map((value) => element("td", {}, [number(value)]))]);
  });
  return element("table", {class: "streams"}, [element("thead", {}, [head]), element("tbody", {}, rows)]);
}
