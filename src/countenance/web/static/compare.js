/* Two aligned faces over each other: swiped by a slider, or changed once a second. */
(() => {
  "use strict";
  const pile = document.querySelector("[data-pile]"), swipe = document.querySelector("[data-swipe]");
  const button = document.querySelector("[data-blink]"), upper = pile.lastElementChild;
  const WIDTH = 160, LEFT = -24;
  const svg = "http://www.w3.org/2000/svg";
  const clip = document.createElementNS(svg, "clipPath"), shape = document.createElementNS(svg, "rect");
  const edge = document.createElementNS(svg, "line"), group = document.createElementNS(svg, "g");
  let timer = null;
  clip.id = "swiped";
  clip.append(shape);
  for (const [name, value] of [["y", -36], ["height", 160]]) shape.setAttribute(name, value);
  for (const [name, value] of [["y1", -36], ["y2", 124], ["class", "edge"]]) edge.setAttribute(name, value);
  group.setAttribute("clip-path", "url(#swiped)");
  group.append(...upper.childNodes);
  upper.append(clip, group, edge);
  const place = (share) => {
    const x = LEFT + WIDTH * share;
    shape.setAttribute("x", x);
    shape.setAttribute("width", Math.max(0, LEFT + WIDTH - x));
    edge.setAttribute("x1", x);
    edge.setAttribute("x2", x);
  };
  const still = () => {
    clearInterval(timer);
    timer = null;
    button.setAttribute("aria-pressed", "false");
    place(swipe.value / 100);
  };
  swipe.addEventListener("input", still);
  button.addEventListener("click", () => {
    if (timer) return still();
    let second = true;
    const change = () => { place(second ? 0 : 1); second = !second; };
    button.setAttribute("aria-pressed", "true");
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      place(Number(swipe.value) >= 50 ? 0 : 1); // one change a press, by the reader's own hand
      swipe.value = Number(swipe.value) >= 50 ? 0 : 100;
      button.setAttribute("aria-pressed", "false");
      return undefined;
    }
    change();
    timer = setInterval(change, 1000);
    return undefined;
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && timer) still(); });
  pile.closest("[hidden]").hidden = false;
  place(0.5);
})();
