// What every report can do besides drawing: export, cite, print what is folded.

const save = (name, address) => {
  const anchor = html("a", { href: address, download: name });
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
};

const quoted = (value) => {
  const text = missing(value) ? "" : `${value}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
function saveCsv(name, rows) {
  const text = rows.map((row) => row.map(quoted).join(",")).join("\r\n");
  const address = URL.createObjectURL(
    new Blob(["\ufeff", text, "\r\n"], { type: "text/csv;charset=utf-8" }),
  );
  save(name, address);
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

// A picture for a document: with the page's colours written into it, twice its size on the screen.
const DRAWN = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "opacity",
  "font-family", "font-size", "font-weight", "paint-order", "stroke-linejoin", "text-anchor"];
function drawnAlone(drawing) {
  const copy = drawing.cloneNode(true);
  const { width, height } = drawing.getBoundingClientRect();
  const whole = [drawing, ...drawing.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((node, i) => {
    const style = getComputedStyle(whole[i]);
    node.setAttribute("style", DRAWN.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
  });
  const patterns = document.querySelector(".definitions defs");
  const styled = patterns.cloneNode(true);
  const originals = [...patterns.querySelectorAll("*")];
  [...styled.querySelectorAll("*")].forEach((node, i) => {
    const style = getComputedStyle(originals[i]);
    node.setAttribute("style", `fill:${style.fill}`);
  });
  copy.prepend(styled);
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  return { copy, width, height };
}
function savePng(name, drawing) {
  const { copy, width, height } = drawnAlone(drawing);
  const picture = new Image();
  picture.addEventListener("load", () => {
    const canvas = html("canvas", { width: 2 * width, height: 2 * height });
    const brush = canvas.getContext("2d");
    brush.fillStyle = getComputedStyle(document.body).backgroundColor;
    brush.fillRect(0, 0, canvas.width, canvas.height);
    brush.drawImage(picture, 0, 0, canvas.width, canvas.height);
    save(name, canvas.toDataURL("image/png"));
  });
  const text = new XMLSerializer().serializeToString(copy);
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
}
const pngButton = (name, find) =>
  html("button", { type: "button", class: "small", onclick: () => savePng(name, find()) }, "Save as PNG");

const citation = document.getElementById("citation");
const copyButton = document.getElementById("copy");
copyButton.addEventListener("click", async () => {
  getSelection().selectAllChildren(citation);
  // Where a page from a file may not write to the clipboard, its older command does.
  try {
    await navigator.clipboard.writeText(citation.textContent);
  } catch {
    document.execCommand("copy");
  }
  copyButton.textContent = "Copied";
});

// Paper shows what is folded.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((part) => (part.open = true));
});
addEventListener("afterprint", () => folded.forEach((part) => (part.open = false)));
