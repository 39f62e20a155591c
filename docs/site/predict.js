/* At each question of a notebook a form asks; the answer, which is all that has the class answer-N, is hidden until the
   reader has predicted. Without JavaScript the forms are hidden and the answers are there. What is right is compared as
   minifcn/explain/predictions.py does it. */
"use strict";
(() => {
  const ENGLISH = {
    first: "Write what you expect first; a wrong guess costs nothing.", compare: "Compare with the answer below.",
    wrong: (label, said, truth) => `✗ ${label}: you wrote ${said}, it is ${truth}`, all: "show all answers",
    below: (high) => `below ${high}`, above: (low) => `above ${low}`, between: (low, high) => `${low} to ${high}`,
  };
  const KOREAN = {
    first: "먼저 예상을 적어 보십시오. 틀려도 괜찮습니다.", compare: "아래의 답과 비교해 보십시오.",
    wrong: (label, said, truth) => `✗ ${label}: 적은 것 ${said}, 답 ${truth}`, all: "모든 답 보기",
    below: (high) => `${high} 미만`, above: (low) => `${low} 초과`, between: (low, high) => `${low}에서 ${high}까지`,
  };
  const words = document.documentElement.lang === "ko" ? KOREAN : ENGLISH;

  const everything = (form) => document.querySelectorAll(
    `.tag_${CSS.escape(form.dataset.answer)}, div.${CSS.escape(form.dataset.answer)}`);
  const open = (form, isOpen) => everything(form).forEach((part) => { part.hidden = !isOpen; });

  function tokens(text) {
    const plain = text.replace(/(\d)\s*[x×]\s*(?=\d)/g, "$1 ").replace(/%/g, " ")
      .replace(/(-?\d+(?:\.\d+)?)\s*\/\s*(\d+(?:\.\d+)?)/g, (_, a, b) => Number(a) / (Number(b) || 1));
    const found = plain.match(/-?\d+(?:\.\d*)?(?:e[-+]?\d+)?|-?\.\d+|[a-z_]\w*/gi) || [];
    return found.map((token) => token === "true" ? 1 : token === "false" ? 0
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

  function submit(form, event) {
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
    output.replaceChildren(...fields.map((field, n) => {
      const [right, truth] = verdict(field, inputs[n].value), line = document.createElement("span");
      const label = field.options ? field.label.split(" (")[0] : field.label;
      line.textContent = right === null ? words.compare
        : right ? `✓ ${label}: ${inputs[n].value}` : words.wrong(label, inputs[n].value, truth);
      return line;
    }));
    open(form, true);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const forms = [...document.querySelectorAll("form.predict")];
    if (!forms.length) return;
    const switcher = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    switcher.className = "predict-all";
    switcher.append(box, ` ${words.all}`);
    forms[0].before(switcher);
    box.onchange = () => forms.forEach((form) => open(form, box.checked));
    for (const form of forms) {
      form.hidden = false;
      open(form, false);
      form.onsubmit = (event) => submit(form, event);
    }
  });
})();
