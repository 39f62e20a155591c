/* At each question of a notebook a form asks; the answer, which is all that has the class answer-N, is hidden until the
   reader has predicted. Without JavaScript the forms are hidden and the answers are there. What is right is compared as
   minifcn/explain/predictions.py does it, and progress is kept, by choice, as `predict.keep` keeps it in Jupyter:
   {"05": {"1": true}}, of each notebook which questions were predicted, and whether rightly. */
"use strict";
(() => {
  const KEY = "minifcn-progress";
  const ENGLISH = {
    first: "Write what you expect first; a wrong guess costs nothing.", compare: "Compare with the answer below.",
    wrong: (label, said, truth) => `✗ ${label}: you wrote ${said}, it is ${truth}`, all: "show all answers",
    below: (high) => `below ${high}`, above: (low) => `above ${low}`, between: (low, high) => `${low} to ${high}`,
    count: (done, all, right) => `${done} of ${all} predicted, ${right} of them right`,
    before: (right) => right ? "✓ predicted before, rightly" : "✗ predicted before, wrongly",
    nothing: "This browser keeps nothing; save a file instead.", none: (name) => `${name}: this is no file of progress`,
    keep: "keep my progress in this browser", save: "save it as a file", open: "open a file",
  };
  const KOREAN = {
    first: "먼저 예상을 적어 보십시오. 틀려도 괜찮습니다.", compare: "아래의 답과 비교해 보십시오.",
    wrong: (label, said, truth) => `✗ ${label}: 적은 것 ${said}, 답 ${truth}`, all: "모든 답 보기",
    below: (high) => `${high} 미만`, above: (low) => `${low} 초과`, between: (low, high) => `${low}에서 ${high}까지`,
    count: (done, all, right) => `${all}개 가운데 ${done}개 예상, ${right}개 정답`,
    before: (right) => right ? "✓ 전에 맞게 예상했습니다" : "✗ 전에 틀리게 예상했습니다",
    nothing: "이 브라우저는 아무것도 저장하지 않습니다. 파일로 저장하십시오.", none: (name) => `${name}: 진도 파일이 아닙니다`,
    keep: "이 브라우저에 진도 저장", save: "파일로 저장", open: "파일 열기",
  };
  const words = document.documentElement.lang === "ko" ? KOREAN : ENGLISH;

  const everything = (form) => document.querySelectorAll(
    `.tag_${CSS.escape(form.dataset.answer)}, div.${CSS.escape(form.dataset.answer)}`);
  const open = (form, isOpen) => everything(form).forEach((part) => { part.hidden = !isOpen; });
  const reveal = (form) => { form.dataset.predicted = "yes"; open(form, true); };
  const make = (name, properties, ...children) => {
    const node = Object.assign(document.createElement(name), properties);
    node.append(...children);
    return node;
  };

  function tokens(text) {
    const plain = text.replace(/(\d)\s*(?:x|×|by)\s*(?=\d)/g, "$1 ").replace(/%/g, " ")
      .replace(/(-?\d+(?:\.\d+)?)\s*\/\s*(\d+(?:\.\d+)?)/g, (_, a, b) => Number(a) / (Number(b) || 1));
    const found = plain.match(/-?\d+(?:\.\d*)?(?:e[-+]?\d+)?|-?\.\d+|[a-z_]\w*/gi) || [];
    return found.map((token) => token.toLowerCase() === "true" ? 1 : token.toLowerCase() === "false" ? 0
      : isNaN(Number(token)) ? token.toLowerCase() : Number(token));
  }

  function same(said, truth) {
    if (typeof truth === "string" || typeof said === "string") return said === String(truth).toLowerCase();
    return Math.abs(said - truth) <= (Number.isInteger(truth) ? 0 : Math.max(0.02 * Math.abs(truth), 0.006));
  }

  // Whether a prediction is right (null: only the reader can tell), and what is right.
  function verdict(field, said) {
    if (field.options) return [said === field.options[field.right], field.options[field.right]];
    if (field.truth) {
      const got = tokens(said), right = field.truth.map((v) => typeof v === "string" ? v : String(+v.toPrecision(6)));
      return [got.length === field.truth.length && got.every((v, n) => same(v, field.truth[n])), right.join(", ")];
    }
    if (field.between) {
      const [low, high] = field.between, got = tokens(said).find((v) => typeof v === "number");
      const inside = got !== undefined && (low === null || got >= low) && (high === null || got <= high);
      return [inside, low === null ? words.below(high) : high === null ? words.above(low) : words.between(low, high)];
    }
    return [null, ""];
  }

  function submit(form, event, note) {
    event.preventDefault();
    const fields = JSON.parse(new TextDecoder().decode(
      Uint8Array.from(atob(form.dataset.fields), (c) => c.charCodeAt(0))));
    const inputs = [...form.querySelectorAll("input, select")], output = form.querySelector("output");
    const empty = inputs.find((input) => !input.value.trim());
    if (empty) {
      output.textContent = words.first;
      empty.focus();
      return;
    }
    const verdicts = fields.map((field, n) => verdict(field, inputs[n].value));
    output.replaceChildren(...fields.map((field, n) => {
      const [right, truth] = verdicts[n], label = field.options ? field.label.split(" (")[0] : field.label;
      return make("span", {textContent: right === null ? words.compare
        : right ? `✓ ${label}: ${inputs[n].value}` : words.wrong(label, inputs[n].value, truth)});
    }));
    reveal(form);
    note(verdicts.every(([right]) => right !== false));
  }

  // What was predicted in all notebooks, kept in this browser only if the reader wants that, and in a file.
  const number = (form) => form.dataset.answer.replace("answer-", "");
  const isProgress = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

  function kept() {
    try {
      const found = JSON.parse(localStorage.getItem(KEY));
      return isProgress(found) ? found : null;
    } catch { return null; }  // a browser may forbid it
  }

  function progress(forms) {
    const name = forms[0].dataset.notebook, before = kept();
    let all = before || {};
    const keep = make("input", {type: "checkbox", checked: before !== null});
    const text = make("output", {ariaLive: "polite"});
    const ours = () => isProgress(all[name]) ? all[name] : {};

    function show() {
      const done = forms.map((form) => ours()[number(form)]).filter((right) => right !== undefined);
      text.textContent = words.count(done.length, forms.length, done.filter(Boolean).length);
    }
    function save() {
      try {
        if (keep.checked) localStorage.setItem(KEY, JSON.stringify(all));
        else localStorage.removeItem(KEY);
      } catch {
        keep.checked = false;
        text.textContent = words.nothing;
        return;
      }
      show();
    }
    function restore() {
      for (const form of forms) {
        const right = ours()[number(form)];
        if (right === undefined || form.dataset.predicted) continue;
        form.querySelector("output").textContent = words.before(right);
        reveal(form);
      }
      show();
    }
    async function read(file) {
      try {
        const found = JSON.parse(await file.text());
        if (!isProgress(found)) throw new Error();
        for (const [key, value] of Object.entries(found)) {
          if (isProgress(value)) all[key] = {...value, ...(isProgress(all[key]) ? all[key] : {})};
        }
        save();
        restore();
      } catch { text.textContent = words.none(file.name); }
    }
    function write() {
      const data = new Blob([`${JSON.stringify(all, null, 1)}\n`], {type: "application/json"});
      const link = make("a", {href: URL.createObjectURL(data), download: "progress.json"});
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }
    const file = make("input", {type: "file", accept: ".json,application/json", hidden: true});
    file.onchange = () => { if (file.files.length) read(file.files[0]); file.value = ""; };
    keep.onchange = save;
    restore();
    return {
      parts: [make("label", {}, keep, ` ${words.keep}`),
        make("button", {type: "button", onclick: write}, words.save),
        make("button", {type: "button", onclick: () => file.click()}, words.open), file, text],
      note(form, right) {  // the first prediction counts
        all[name] = {[number(form)]: right, ...ours()};
        save();
      },
    };
  }

  document.addEventListener("DOMContentLoaded", () => {
    const forms = [...document.querySelectorAll("form.predict")];
    if (!forms.length) return;
    for (const form of forms) {
      form.hidden = false;
      open(form, false);
    }
    const {parts, note} = progress(forms), box = make("input", {type: "checkbox"});
    forms[0].before(make("div", {className: "predict-all"}, ...parts, make("label", {}, box, ` ${words.all}`)));
    box.onchange = () => forms.forEach((form) => open(form, box.checked || Boolean(form.dataset.predicted)));
    for (const form of forms) form.onsubmit = (event) => submit(form, event, (right) => note(form, right));
  });
})();
