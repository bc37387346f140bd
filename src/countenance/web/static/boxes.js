/* A box in the picture does what its face's button or choice does. */
(() => {
  "use strict";
  for (const box of document.querySelectorAll(".boxes a")) {
    box.addEventListener("click", (event) => {
      const target = document.getElementById(box.getAttribute("href").slice(1));
      if (!target || !("click" in target)) return;
      event.preventDefault();
      target.focus();
      target.click();
    });
  }
})();
