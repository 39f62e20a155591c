// Elements of the page.

function element(name, attributes = {}, children = []) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const button = (text, attributes = {}) => element("button", {type: "button", ...attributes}, [text]);
