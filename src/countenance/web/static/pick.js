// Many faces chosen by keyboard or mouse: shift takes a range, Ctrl+A all, Escape none, arrows move.
"use strict";
for (const form of document.querySelectorAll("form[data-pick]")) {
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  form.querySelectorAll(".needs-script").forEach((each) => { each.hidden = false; });
  let last = null;
  const range = (box) => {
    if (last === null) return;
    const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
    for (const each of boxes.slice(from, to + 1)) each.checked = last.checked;
  };
  for (const box of boxes) {
    box.addEventListener("click", (event) => {
      if (event.shiftKey) range(box);
      last = box;
    });
    box.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const next = step && boxes[boxes.indexOf(box) + step];
      if (next) {
        event.preventDefault();
        next.focus();
      }
    });
  }
  form.addEventListener("keydown", (event) => {
    const all = (event.ctrlKey || event.metaKey) && event.key === "a";
    if (all || event.key === "Escape") {
      event.preventDefault();
      for (const box of boxes) box.checked = all;
    }
  });
}
