// Says the number nearest to the pointer in figures that know theirs; without it the page lacks nothing else.
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
    const near = points.reduce((best, one) => (far(one) < far(best) ? one : best), points[0]);
    show(far(near) < 40);
    const [x, y, text] = near;
    const home = box.getBoundingClientRect();
    dot.style.left = `${at.left - home.left + x * at.width}px`;
    said.style.top = dot.style.top = `${at.top - home.top + y * at.height}px`;
    said.textContent = text;
  });
}
