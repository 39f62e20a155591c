// The page: one state, what is shown of it, and what changes it.

const WIDE = 1200;  // pixels, as in laboratory.css
const COLUMNS = 15;  // of a matrix that fits into one of four panels

function laboratory(root, address, alone) {
  let state = fromAddress((alone && location.hash.slice(1)) || address), timer = null, back = {key: "", all: []};
  let followed = {}, isWide = root.clientWidth >= WIDE;
  const views = new Map();  // of tables, by id
  const writeAddress = addressBar();

  const page = {
    root,
    state: () => state,
    show: (next) => { stop(); state = next; render(); },
    set: (settings) => page.show(changed(state, settings)),
    pick: (p) => page.show({...state, pixel: state.pixel === p ? -1 : p, ask: ""}),
    step: (t) => page.show({...state, t, u: 0, pixel: -1}),
    move: (by) => page.show(moved(state, by)),
    reorder: (by) => page.show({...state, by, t: 1, u: 0, pixel: -1}),
    refine: (fine) => page.show({...state, fine, u: fine ? state.u : 0}),
    ask: (question) => page.show(questionState(question, followOnce(state))),
    type: ([name, ...place], text) => {
      const value = typed(name, text, state);
      if (value === null) {
        render();
        trouble.textContent = `${pixel(name, ...place)} stays as it is: “${text}” is no ` +
          `${KINDS_OF_NUMBERS[name] ?? "number"}.`;
        return false;
      }
      const numbers = structuredClone(state.numbers), list = place.slice(0, -1).reduce((inner, k) => inner[k],
        numbers[name]);
      list[place.at(-1)] = value;
      page.show({...state, numbers});
      return true;
    },
    play: () => {
      if (timer !== null) { stop(); render(); return; }
      if (isAtEnd()) state = {...state, t: 0, u: 0};
      timer = setInterval(() => {
        if (!root.isConnected || isAtEnd()) { stop(); render(); return; }
        state = moved(state, 1);
        render();
      }, 900);
      state = moved(state, 1);
      render();
    },
  };

  function stop() { clearInterval(timer); timer = null; }
  const isAtEnd = () => state.t >= lastStep() && (!state.u || state.u >= groupLength(state.t));
  const lastStep = () => (problem(state) ? 0 : state.way === "backward" ? wayBackOnce().length
    : followOnce(state).groups.length);
  const groupLength = (t) => {
    const group = state.way === "forward" && t ? followOnce(state).groups[t - 1] : null;
    return group ? group[1] - group[0] : 0;
  };

  function moved(from, by) {
    const last = lastStep(), next = {...from, pixel: -1, ask: ""}, t = Math.min(from.t, last);
    if (!from.fine || from.way === "backward") return {...next, t: Math.min(last, Math.max(0, t + by)), u: 0};
    const length = groupLength(t), u = t ? Math.min(from.u || length, length) + by : by > 0 ? 2 ** 20 : 0;
    if (u > length) return t === last ? {...next, t, u: length} : {...next, t: t + 1, u: 1};
    if (u < 1) return t <= 1 ? {...next, t: 0, u: 0} : {...next, t: t - 1, u: groupLength(t - 1)};
    return {...next, t, u};
  }

  function followOnce(of) {
    if (followed.state !== of) followed = {state: of, model: follow(of)};
    return followed.model;
  }

  function wayBackOnce() {  // differences take their time, and a step does not change them
    const now = JSON.stringify([state.op, state.n, windowOf(state), state.A, state.ceil, state.mistake, state.numbers]);
    if (back.key !== now) back = {key: now, all: wayBack(state)};
    return back.all;
  }

  const controls = buildControls(page), bar = buildBar(page), trouble = element("p", {class: "trouble", role: "alert"});
  const questions = element("div", {class: "questions", role: "group", "aria-label": "questions"});
  const reply = element("p", {class: "reply", "aria-live": "polite"}), numbers = element("section", {class: "numbers"});
  const panels = element("div", {class: "panels"}), legend = element("p", {class: "legend"});
  const asks = QUESTIONS.map((question) => {
    const one = button("");
    one.onclick = () => page.ask(question);
    return [question, one];
  });
  questions.append(...asks.map(([, one]) => one));
  const body = element("div", {class: "body"}, [controls.node, bar.node, trouble, questions, reply, numbers, panels,
    legend]);
  root.replaceChildren(body);

  function render() {
    const why = problem(state);
    controls.show(state);
    trouble.textContent = why;
    for (const node of [bar.node, questions, reply, numbers, panels, legend]) node.hidden = why !== "";
    if (!why && state.way === "forward") renderForward();
    if (!why && state.way === "backward") renderBackward();
    remember();
  }

  function renderForward() {
    const model = followOnce(state);
    bar.show(state, {t: model.t, last: model.groups.length, text: stepSentence(model), about: focusSentence(model),
      isPlaying: timer !== null});
    asks.forEach(([question, one]) => {
      one.textContent = questionText(question, model);
      one.setAttribute("aria-pressed", state.ask === question && question !== "stride");
    });
    reply.textContent = answer(model);
    const names = ["x", "weight", ...(state.K > 20 ? [] : ["bias"])];
    placeNumbers([...forwardGiven(model, names), result(model)]);
    placePanels(forwardViews(model).map((view) => ({...view, code: codeOf(view.view, model)})));
    placeLegend(["active", "touched", "reached", ...(state.op === "conv-transpose" ? ["quarters"] : [])]);
  }

  function renderBackward() {
    const all = wayBackOnce(), now = state.t ? all[Math.min(state.t, all.length) - 1] : null;
    bar.show(state, {t: Math.min(state.t, all.length), last: all.length, text: backwardSentence(state, all),
      about: mistakeSentence(state, all), isPlaying: timer !== null});
    questions.hidden = reply.hidden = true;
    placeNumbers([...given(state, now?.lights), ...resultTables(state)]);
    placePanels(backwardViews(state, all));
    placeLegend(["active", "touched", "quotient", "bad", "kink"]);
  }

  function placeNumbers(specs) {
    const width = specs.reduce((sum, {columns}) => sum + 31 * columns + 44, 0);
    numbers.classList.toggle("beside", width <= 620 && specs.every((spec) => spec.rows <= 7 && !isDrawn(spec)));
    arrange();
    placeTables(numbers, specs);
  }

  // Where the numbers are seen beside what one sets, they follow it in the document: Tab and a screen reader go as the
  // eye does.
  function arrange() {
    const next = isWide && numbers.classList.contains("beside") ? bar.node : panels, focus = document.activeElement;
    if (numbers.nextSibling === next) return;
    body.insertBefore(numbers, next);
    if (numbers.contains(focus)) focus.focus({preventScroll: true});
  }

  function placeTables(parent, specs) {
    const nodes = specs.map((spec) => {
      let view = views.get(spec.id);
      if (!view || view.key !== shapeKey(spec)) views.set(spec.id, view = buildGrid(spec, page));
      else view.update(spec);
      return view.panel;
    });
    const shown = [...parent.children];
    if (nodes.length !== shown.length || nodes.some((node, n) => node !== shown[n])) parent.replaceChildren(...nodes);
  }

  function placePanels(specs) {
    const names = specs.map(({view}) => view).join();
    if (panels.dataset.names !== names) {
      panels.dataset.names = names;
      panels.replaceChildren(...specs.map(({view}) => element("section", {class: "panel", "data-view": view}, [
        element("h3"), element("pre", {class: "code"}), element("div", {class: "tables"})])));
    }
    specs.forEach(({title, tables, code}, n) => {
      const [head, lines, body] = panels.children[n].children;
      panels.children[n].classList.toggle("wide", tables.some((spec) => spec.matrix && spec.columns > COLUMNS &&
        !isDrawn(spec)));
      head.textContent = title;
      lines.replaceChildren(...code.lines.map((line, k) => element("span", k === code.lit ? {class: "lit"} : {},
        unbroken(`${line}\n`))),
        element("span", {class: "filled"}, [code.numbers]));
      placeTables(body, tables);
    });
    showSteps([...panels.querySelectorAll(".scroll")]);
  }

  function placeLegend(names) {
    if (legend.dataset.names === names.join()) return;
    legend.dataset.names = names.join();
    legend.replaceChildren(...names.map((name) => element("span", {}, name === "quarters"
      ? [...[0, 1, 2, 3].map((q) => element("i", {class: `cell whole q${q}`})), LEGEND[name]]
      : name === "quotient" ? [element("i", {class: "cell"}, [element("small", {}, ["½"])]), LEGEND[name]]
      : [element("i", {class: `cell ${name}`}), LEGEND[name]])),
      element("span", {}, [KEYS]));
  }

  function remember() {
    const text = toAddress(state);
    if (!alone) {  // a page around it may link to a laboratory of its own, and so hand the state on
      document.querySelectorAll("a[data-laboratory]").forEach((link) => { link.hash = text; });
      return;
    }
    writeAddress(text);
  }

  function onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || event.target.matches("input, select")) {
      if (!alone) event.stopPropagation();  // JupyterLab would take the keys for its own commands
      return;
    }
    if (event.key === "ArrowRight") page.move(1);
    else if (event.key === "ArrowLeft") page.move(-1);
    else if (event.key === "Home") page.step(0);
    else if (event.key === "End") page.step(lastStep());
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // Before anything has the focus, the keys belong to the laboratory of which most is in view.
  const shownRows = (node) => {
    const {top, bottom} = node.getBoundingClientRect();
    return Math.min(bottom, innerHeight) - Math.max(top, 0);
  };
  const isNext = () => shownRows(root) > 0 &&
    [...document.querySelectorAll(".minifcn-laboratory")].every((other) => shownRows(other) <= shownRows(root));
  if (!alone) root.addEventListener("keydown", onKey);
  document.addEventListener("keydown", (event) => {
    if (alone || (event.target === document.body && !event.defaultPrevented && root.isConnected
      && isNext())) onKey(event);
  });
  // What is drawn has the ink of its theme: whoever changes it, the page is shown anew.
  root.addEventListener("transitionend", ({target, propertyName}) => {
    if (target === root && propertyName === "color") render();
  });
  if (alone) addEventListener("hashchange", () => page.show(fromAddress(location.hash.slice(1) || address)));
  render();
  new ResizeObserver(() => { isWide = root.clientWidth >= WIDE; arrange(); }).observe(root);
  new ResizeObserver(() => root.style.setProperty("--bar", `${bar.node.offsetHeight}px`)).observe(bar.node);
  return page;
}

// A line of code goes on below at a space, not inside K-1-l.
const unbroken = (line) => line.split(/(?<=\S )/).map((word) => element("i", {}, [word]));

const KINDS_OF_NUMBERS = {labels: `class, nor ${IGNORED}, which is ignored`, weights: "number from 0 up"};

const KEYS = "Keys: ← → step, Home and End, Tab to what one sets, arrows from cell to cell, Enter picks.";

const LEGEND = {
  active: "this step", touched: "what it reads or writes", reached: "what the pixel in focus is made of",
  quarters: "which part of the kernel a number comes from", quotient: "small, below a number: its difference quotient",
  bad: "differs from the difference quotient below it",
  kink: "no derivative there: from | to",
};

// Where tables are wider than their places, scroll to what the step lights. All are asked before one is scrolled: an
// answer after a change costs a layout.
function showSteps(boxes) {
  boxes.filter((box) => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight).forEach(showStep);
}

function showStep(box) {
  const cell = box.querySelector(".touched") ?? box.querySelector(".active");
  if (!cell) return;
  const inside = cell.getBoundingClientRect(), outside = box.getBoundingClientRect();
  if (inside.left < outside.left || inside.right > outside.right) box.scrollLeft += inside.left - outside.left - 60;
  if (inside.top < outside.top || inside.bottom > outside.bottom) box.scrollTop += inside.top - outside.top - 60;
}

// Tables of what goes in; of the kernels those that lead to the channel of y that is shown.
function forwardGiven(model, names) {
  const {state} = model, active = places(model.now, XY), used = places(model.newest ? [model.newest] : [], KL);
  return given(state, new Set(), names).filter(({id}) => {
    const [name, first, second] = id.split("-");
    return name !== "weight" || Number(state.op === "conv" ? first : second) === state.shown;
  }).map((grid) => ({...grid, cells: grid.cells.map((cell) => {
    const [name, ...place] = cell.edit, where = place.slice(-2).join(",");
    return {...cell, lit: lit({active: name === "x" && active.has(where) && model.order === "x",
      touched: name === "x" && active.has(where) && model.order === "y", reached: name === "weight"
        && used.has(where)})};
  })}));
}

// A number as somebody types it: 0.5, -2, 1/3; labels are classes or 255. Null if it is none.
function typed(name, text, state) {
  const parts = text.replace(",", ".").replace("−", "-").split("/"), isWritten = (part) =>
    /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(part.trim());
  if (parts.length > 2 || !parts.every(isWritten)) return null;
  const value = Number(parts[0]) / Number(parts[1] ?? 1);
  if (!Number.isFinite(value) || Math.abs(value) >= 1e6) return null;
  if (name === "labels" && value !== IGNORED && !(Number.isInteger(value) && 0 <= value
    && value < state.C)) return null;
  return name === "weights" && value < 0 ? null : value;
}
