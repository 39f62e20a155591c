// A table on the page. It is built once for its shape; after that a step changes only texts and classes, so that the
// focus stays where it is. Tables that are too large for that are drawn.

const LARGEST_MAP = 14 * 14, LARGEST_MATRIX = 2700;

const isDrawn = ({rows, columns, matrix}) => rows * columns > (matrix ? LARGEST_MATRIX : LARGEST_MAP) || columns > 40;
const shapeKey = (spec) => [spec.id, spec.rows, spec.columns, isDrawn(spec), spec.first].join();

// `page` has pick(pixel of y), step(number), type(place, text).
function buildGrid(spec, page) {
  return isDrawn(spec) ? buildDrawing(spec, page) : buildTable(spec, page);
}

function buildTable(spec, page) {
  const {rows, columns, first: [top, left], names, matrix} = spec, cells = [], lines = [];
  const index = (text) => element("span", {class: "index", "aria-hidden": "true"}, [String(text)]);
  const isUsed = spec.cells.some(({edit, pick = -1, step = 0}) => edit || pick >= 0 || step);
  const [role, cellRole] = isUsed ? ["grid", "gridcell"] : ["table", "cell"];
  const heads = range(columns).map((c) => index(names ? names.columns[c] : c + left));
  lines.push(element("div", {class: "row heads"}, [index(""), ...heads]));
  for (let r = 0; r < rows; r++) {
    const line = element("div", {class: "row", role: "row"}, [index(names ? names.rows[r] : r + top)]);
    for (let c = 0; c < columns; c++) {
      const cell = buildCell(spec, spec.cells[r * columns + c], cellRole, page);
      cells.push(cell);
      line.append(cell);
    }
    lines.push(line);
  }
  const body = element("div", {class: `grid${matrix ? " matrix" : ""}${spec.subs ? " subs" : ""}`, role,
    style: `grid-template-columns: max-content repeat(${columns}, max-content)`}, lines);
  const title = element("p", {class: "title"});
  const panel = element("div", {class: "table", "data-id": spec.id}, [title, element("div", {class: "scroll"},
    [body])]);
  body.onkeydown = (event) => moveInside(event, cells, columns);
  const view = {panel, key: shapeKey(spec), spec};
  view.update = (next) => {
    view.spec = next;
    title.textContent = next.title;
    body.setAttribute("aria-label", next.title);
    const widest = Math.max(...next.cells.map(({text}) => text.length));
    next.cells.forEach((cell, k) => updateCell(cells[k], cell, {...next, widest}));
  };
  const stop = cells.find((cell) => cell.tabIndex === -1);
  if (stop) stop.tabIndex = 0;  // one of its cells is reached with Tab, the others with arrows
  view.cell = (k) => view.spec.cells[k];
  cells.forEach((cell, k) => { cell.current = () => view.cell(k); });
  view.update(spec);
  return view;
}

function buildCell(spec, {edit, pick = -1, step = 0}, role, page) {
  if (edit) {
    const input = element("input", {class: "cell", role, type: "text", inputmode: "decimal", tabindex: "-1",
      autocomplete: "off", "aria-label": pixel(...edit.slice(0, 1), ...edit.slice(1))});
    input.onfocus = () => { input.select(); };
    input.onblur = () => { input.value = input.current().text; input.removeAttribute("aria-invalid"); };
    input.onchange = () => { input.setAttribute("aria-invalid", !page.type(input.current().edit, input.value)); };
    return input;
  }
  const cell = element("div", {class: "cell", role});
  if (pick >= 0 || step) {
    if (!spec.matrix) cell.tabIndex = -1;
    cell.classList.add("pick");
    cell.onclick = () => choose(cell.current(), page);
    cell.choose = cell.onclick;
  }
  return cell;
}

function choose({pick = -1, step = 0}, page) {
  if (step) page.step(step);
  else if (pick >= 0) page.pick(pick);
}

function updateCell(node, {text, sub, lit, parts, edit, label}, {whole, widest}) {
  const isZero = text === "0" || text === "·";
  const classes = ["cell", node.onclick ? "pick" : "", ...lit, isZero ? "zero" : "", parts?.length ? (whole
    ? "whole" : "parts") : "",
    ...(parts ?? []).map((q) => `q${q}`)].filter(Boolean).join(" ");
  if (node.className !== classes) node.className = classes;
  if (edit) {
    if (document.activeElement !== node || node.dataset.text !== text) {
      if (node.value !== text) node.value = text;
      node.dataset.text = text;
    }
    node.style.width = `${Math.max(2.2, widest * 0.62 + 0.8)}em`;
    return;
  }
  const shown = sub ? `${text}\n${sub}` : text;
  if (node.dataset.text === shown) return;
  node.dataset.text = shown;
  if (label) node.setAttribute("aria-label", `${label} = ${text}${sub ? `, by differences ${sub}` : ""}`);
  node.replaceChildren(text, ...(sub ? [element("small", {}, [sub])] : []));
}

// Arrows go from cell to cell, Enter and the space bar pick one.
function moveInside(event, cells, columns) {
  const k = cells.indexOf(event.target);
  if (k < 0 || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  const move = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[event.key];
  const atEdge = (move === -1 && k % columns === 0) || (move === 1 && k % columns === columns - 1);
  if (move && !atEdge && cells[k + move]?.hasAttribute("tabindex")) {
    cells[k].tabIndex = -1;
    cells[k + move].tabIndex = 0;
    cells[k + move].focus();
  } else if (event.key === "Enter" && event.target.matches("input")) {
    const next = cells[(k + 1) % cells.length];
    cells[k].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  } else if ((event.key === "Enter" || event.key === " ") && event.target.choose) event.target.choose();
  else if (!move) return;
  event.preventDefault();
  event.stopPropagation();
}

// ---- what is too large for cells ----

function buildDrawing(spec, page) {
  const {rows, columns} = spec, width = Math.min(14, Math.max(2, Math.floor(330 / columns)));
  const height = spec.matrix ? Math.min(14, 420 / rows) : width;
  const canvas = element("canvas", {width: columns * width, height: Math.ceil(rows * height), role: "img",
    class: spec.matrix ? "" : "map"});
  const title = element("p", {class: "title"});
  const panel = element("div", {class: "table", "data-id": spec.id}, [title, element("div", {class: "scroll"},
    [canvas])]);
  const view = {panel, key: shapeKey(spec), spec};
  view.update = (next) => {
    view.spec = next;
    title.textContent = next.matrix ? next.title : `${next.title}, ${rows}×${columns}`;
    canvas.setAttribute("aria-label", `${next.title}: ${rows} by ${columns} numbers, drawn; ` +
      "the sentence of the step says one");
    drawCells(canvas, next, [width, height], getComputedStyle(page.root));
  };
  canvas.onclick = (event) => {
    const scale = canvas.width / canvas.clientWidth;  // a map is no wider than its place
    const r = Math.floor(event.offsetY * scale / height), c = Math.floor(event.offsetX * scale / width),
      cell = view.spec.cells[r * columns + c];
    if (cell) choose(cell, page);
  };
  view.update(spec);
  return view;
}

function drawCells(canvas, {cells, columns}, [width, height], style) {
  const pen = canvas.getContext("2d"), color = (name) => style.getPropertyValue(name).trim();
  pen.clearRect(0, 0, canvas.width, canvas.height);
  const values = cells.map(({text}) => Math.abs(Number(text)) || 0), largest = Math.max(...values) || 1;
  const ink = style.color, quarters = [0, 1, 2, 3].map((q) => color(`--quarter-${q}`));
  const marks = {touched: color("--touched-line"), active: color("--active-line"), reached: color("--origin-line")};
  cells.forEach(({lit, parts, text}, n) => {
    const x = (n % columns) * width, y = Math.floor(n / columns) * height;
    (parts ?? []).forEach((q) => {
      pen.globalAlpha = 0.6 / parts.length;
      pen.fillStyle = quarters[q];
      pen.fillRect(x, y, width, height);
    });
    pen.globalAlpha = lit.includes("dashed") ? 0.1 : 0.08 + 0.75 * (values[n] / largest) * (parts?.length ? 0.5 : 1);
    pen.fillStyle = ink;
    if (text !== "·" && (!parts?.length || lit.includes("dashed"))) pen.fillRect(x, y, width, height);
    for (const [name, mark] of Object.entries(marks)) if (lit.includes(name)) {
      pen.globalAlpha = name === "reached" ? 0.9 : 0.4;
      pen.fillStyle = mark;
      pen.fillRect(x, y, width, height);
    }
  });
  pen.globalAlpha = 1;
}
