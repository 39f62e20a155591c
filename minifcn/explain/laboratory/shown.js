// Numbers and places as they are written. As in minifcn/explain/shown.py: no number is taken for another one.

function number(value, digits = 3) {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  const places = digits - Math.min(0, Math.floor(Math.log10(Math.abs(value))) + 1);
  const rounded = places > 100 ? 0 : Number(value.toFixed(places));
  if (Math.abs(rounded - value) <= 1e-12 * Math.max(Math.abs(rounded), Math.abs(value))) return String(rounded);
  return places <= digits + 3 ? value.toFixed(places) : value.toExponential(digits - 1);
}

const factor = (value) => (value < 0 ? `(${number(value)})` : number(value));
const times = (a, b) => `${factor(a)}·${factor(b)}`;
const pixel = (name, ...place) => `${name}[${place.join(",")}]`;
const span = (name, first, last) => (first === last ? `${name} ${first}` : `${name}s ${first}..${last}`);
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

// A sum written out, if it has no more than a dozen of them.
function sum(products) {
  if (!products.length) return "0";
  const [first, ...others] = products.map((text, n) => (n && /^-[^·(]*$/.test(text) ? `(${text})` : text));
  if (others.length < 12) return [first, ...others].join(" + ");
  return `${[first, ...others.slice(0, 4)].join(" + ")} + … + ${others.at(-1)} (${products.length} of them)`;
}
