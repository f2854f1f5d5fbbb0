// What the drawing shares: elements, numbers as text, letters for options. Texts reach the page as
// text nodes, never as HTML.

const missing = (value) => value === null || value === undefined;

function build(space, tag, attributes, children) {
  const node = document.createElementNS(`http://www.w3.org/${space}`, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (!missing(value) && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => !missing(child) && child !== false));
  return node;
}
const html = (tag, attributes = {}, ...children) => build("1999/xhtml", tag, attributes, children);
const svg = (tag, attributes = {}, ...children) => build("2000/svg", tag, attributes, children);
const titled = (node, text) => (node.append(svg("title", {}, text)), node);

const fixed = (value, digits = 3) =>
  missing(value) ? "–" : value.toFixed(digits).replace(/^-/, "−");
const percent = (value, digits = 1) => (missing(value) ? "–" : `${(100 * value).toFixed(digits)}%`);
const whole = (value) => (missing(value) ? "–" : Math.round(value).toLocaleString("en"));
const between = (interval, show = fixed) =>
  !interval || missing(interval[0])
    ? ""
    : `[${show(interval[0])}, ${missing(interval[1]) ? "never" : show(interval[1])}]`;

// Letters name a question's options, A for the first in the NBC order at the base.
const letter = (n) =>
  (n < 26 ? "" : letter(Math.floor(n / 26) - 1)) + String.fromCharCode(65 + (n % 26));
const lettersOf = (order) => new Map(order.map((y, place) => [y, letter(place)]));
const ranking = (groups, letters) =>
  groups.map((group) => group.map((y) => letters.get(y)).join(" = ")).join(" > ");
