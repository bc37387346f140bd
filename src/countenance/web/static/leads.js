/* The threshold as a slider, and what it means, while it is moved. Letting go asks the server for the leads. */
(() => {
  "use strict";
  const slider = document.querySelector("[data-steps]");
  if (!slider) return;
  const steps = JSON.parse(slider.dataset.steps), scores = JSON.parse(slider.dataset.scores);
  const field = document.querySelector("input[name=threshold]"), cut = document.getElementById("cut");
  const meaning = document.getElementById("meaning"), taken = document.querySelector("[data-export]");
  const told = (number) => number.toFixed(3).replace("-", "\u2212");
  const nearest = (value) => steps.reduce((best, step, at) => (step[0] <= value + 1e-9 ? at : best), 0);
  const show = (threshold) => {
    const at = Math.max(threshold, 0) * 400;
    cut.setAttribute("x1", at);
    cut.setAttribute("x2", at);
    meaning.querySelector("[data-count]").textContent = scores.filter((score) => score >= threshold).length;
    meaning.querySelector("[data-at]").textContent = told(threshold);
    meaning.querySelector("[data-odds]").textContent = steps[nearest(threshold)][1] + ".";
    slider.setAttribute("aria-valuetext", told(threshold) + ": " + steps[nearest(threshold)][1]);
  };
  slider.closest("label").hidden = false;
  slider.value = nearest(Number(field.value));
  show(Number(field.value));
  slider.addEventListener("input", () => {
    field.value = steps[slider.value][0].toFixed(3);
    show(steps[slider.value][0]);
  });
  field.addEventListener("input", () => {
    const value = Number(field.value);
    if (!field.value || Number.isNaN(value)) return;
    slider.value = nearest(value);
    show(Math.max(value, steps[0][0]));
  });
  field.form.addEventListener("change", () => {
    if (!taken) return;
    const query = new URLSearchParams(new FormData(field.form));
    taken.href = taken.pathname + "?" + query;
  });
})();
