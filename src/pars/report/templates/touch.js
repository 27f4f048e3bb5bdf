// Figures say the number nearest to the pointer, and the names of series are buttons that hide them in every figure of
// the page that has them. Without this script the page lacks nothing else.
const hidden = new Set();
const decoded = (uri) => new TextDecoder().decode(Uint8Array.from(atob(uri.split(",")[1]), (one) => one.charCodeAt(0)));

for (const box of document.querySelectorAll(".touch")) {
  const points = JSON.parse(box.dataset.points);
  const said = box.appendChild(document.createElement("output"));
  const dot = box.appendChild(document.createElement("i"));
  const show = (yes) => { said.hidden = dot.hidden = !yes; };
  show(false);
  box.addEventListener("pointerleave", () => show(false));
  box.addEventListener("pointermove", (event) => {
    const at = box.firstElementChild.getBoundingClientRect();
    const far = ([x, y]) => Math.hypot(x * at.width - (event.clientX - at.left), y * at.height - (event.clientY - at.top));
    const seen = points.filter(([, , , series]) => !hidden.has(series));
    const near = seen.reduce((best, one) => (far(one) < far(best) ? one : best), seen[0]);
    show(near && far(near) < 40);
    if (!near) return;
    const [x, y, text] = near;
    const home = box.getBoundingClientRect();
    dot.style.left = `${at.left - home.left + x * at.width}px`;
    said.style.top = dot.style.top = `${at.top - home.top + y * at.height}px`;
    said.textContent = text;
  });
}

const redraw = (figure) => {
  const image = figure.querySelector("img");
  image.whole ??= decoded(image.src);
  const drawing = new DOMParser().parseFromString(image.whole, "image/svg+xml");
  for (const [index, name] of JSON.parse(figure.dataset.series)) {
    const parts = hidden.has(name) ? drawing.querySelectorAll(`[id^="series-${index}-"]`) : [];
    for (const part of parts) part.setAttribute("display", "none");
  }
  image.src = "data:image/svg+xml," + encodeURIComponent(new XMLSerializer().serializeToString(drawing));
};
for (const name of document.querySelectorAll(".legend [data-name]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.name = name.dataset.name;
  button.ariaPressed = "true";
  button.append(...name.childNodes);
  name.parentElement.hidden = false;
  name.replaceWith(button);
  button.addEventListener("click", () => {
    const own = button.dataset.name;
    hidden.delete(own) || hidden.add(own);
    for (const one of document.querySelectorAll(".legend button")) one.ariaPressed = String(!hidden.has(one.dataset.name));
    for (const figure of document.querySelectorAll("figure[data-series]")) {
      if (JSON.parse(figure.dataset.series).some(([, series]) => series === own)) redraw(figure);
    }
  });
}

// A column of the data, large: what is under the pointer or chosen by the arrow keys is said.
for (const box of document.querySelectorAll(".chooser")) {
  const columns = JSON.parse(box.dataset.columns);
  const [label, choice, bars, said] = ["label", "select", "div", "output"].map((kind) => document.createElement(kind));
  label.append("Column ", choice);
  choice.append(...columns.map(([name], index) => new Option(name, index)));
  bars.className = "bars";
  bars.tabIndex = 0;
  bars.setAttribute("role", "group");
  box.append(label, bars, said);
  const number = (value) => String(Number(value.toPrecision(4))).replace("-", "\u2212");
  let at = -1;
  const say = (index) => {
    const [name, unit, low, high, counts] = columns[choice.value];
    const all = counts.reduce((sum, one) => sum + one, 0), width = (high - low) / counts.length;
    at = Math.min(Math.max(index, 0), counts.length - 1);
    [...bars.children].forEach((one, place) => one.classList.toggle("at", place === at));
    const below = counts.slice(0, at).reduce((sum, one) => sum + one, 0);
    const share = (count) => `${(100 * count / all).toPrecision(3)} %`;
    const ends = `${number(low + at * width)} to ${number(low + (at + 1) * width)}${unit ? ` ${unit}` : ""}`;
    said.textContent = `${name}, ${ends}: ${counts[at].toLocaleString("en")} of ${all.toLocaleString("en")} rows (${share(counts[at])}), ${share(below)} lie below`;
  };
  const draw = () => {
    const [name, unit, low, high, counts] = columns[choice.value];
    const most = Math.max(...counts);
    bars.setAttribute("aria-label", `Histogram of ${name}; arrow keys go through it`);
    bars.replaceChildren(...counts.map((count) => {
      const bar = document.createElement("i");
      bar.style.height = count ? `${Math.max(100 * count / most, 1.5)}%` : "0";
      return bar;
    }));
    at = -1;
    said.textContent = `${name} from ${number(low)} to ${number(high)}${unit ? ` ${unit}` : ""}`;
  };
  choice.addEventListener("change", draw);
  bars.addEventListener("pointermove", (event) => {
    const home = bars.getBoundingClientRect();
    say(Math.floor((event.clientX - home.left) / home.width * bars.children.length));
  });
  bars.addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!way) return;
    say(at + way);
    event.preventDefault();
  });
  draw();
}
