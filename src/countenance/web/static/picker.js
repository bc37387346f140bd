/* A picture by dropping, pasting or the camera, into the form's own file input; and a button that says what is missing. */
(() => {
  "use strict";
  const drops = [...document.querySelectorAll("[data-drop]")];
  const give = (drop, file) => {
    const input = drop.querySelector("input[type=file]");
    const files = new DataTransfer();
    files.items.add(file);
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const picture = (list) => [...(list || [])].find((file) => file.type.startsWith("image/")) || (list || [])[0];
  for (const drop of drops) {
    const input = drop.querySelector("input[type=file]");
    const seen = drop.querySelector(".drop-seen");
    input.addEventListener("change", () => {
      if (seen.src) URL.revokeObjectURL(seen.src);
      seen.hidden = !input.files.length;
      if (input.files.length) seen.src = URL.createObjectURL(input.files[0]);
    });
    seen.addEventListener("error", () => { seen.hidden = true; });
    drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      const file = picture(event.dataTransfer.files);
      if (file) give(drop, file);
    });
    camera(drop);
  }
  document.addEventListener("paste", (event) => {
    const file = picture(event.clipboardData.files);
    const free = drops.find((drop) => !drop.querySelector("input[type=file]").files.length) || drops[0];
    if (file && free) { event.preventDefault(); give(free, file); }
  });

  function camera(drop) {
    const start = drop.querySelector("[data-camera]"), stage = drop.querySelector("[data-stage]");
    const video = stage.querySelector("video"), told = drop.querySelector("[data-told]");
    let stream = null;
    if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) return;
    start.hidden = false;
    const stop = () => {
      if (stream) stream.getTracks().forEach((track) => track.stop());
      stream = null;
      stage.hidden = true;
      start.hidden = false;
      start.focus();
    };
    start.addEventListener("click", async () => {
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 } } });
      } catch (refused) {
        told.textContent = told.dataset.told;
        return;
      }
      video.srcObject = stream;
      start.hidden = true;
      stage.hidden = false;
      await video.play();
      stage.querySelector("[data-shoot]").focus();
    });
    stage.querySelector("[data-shoot]").addEventListener("click", () => {
      if (!video.videoWidth) return; // it does not see anything yet
      const canvas = document.createElement("canvas");
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      canvas.getContext("2d").drawImage(video, 0, 0);
      canvas.toBlob((blob) => { give(drop, new File([blob], "camera.jpg", { type: "image/jpeg" })); stop(); }, "image/jpeg", 0.95);
    });
    stage.querySelector("[data-stop]").addEventListener("click", stop);
    stage.addEventListener("keydown", (event) => { if (event.key === "Escape") stop(); });
  }

  for (const form of document.querySelectorAll("[data-needs]")) {
    const button = form.querySelector("button[type=submit]"), why = form.querySelector("#needs");
    const check = () => {
      const missing = [...form.querySelectorAll("[data-needed]")].find((each) => !each.value.trim());
      button.disabled = Boolean(missing);
      const text = missing ? missing.dataset.needed : "";
      if (why.textContent !== text) why.textContent = text;
    };
    form.addEventListener("input", check);
    form.addEventListener("change", check);
    window.addEventListener("pageshow", check);
    check();
  }
})();
