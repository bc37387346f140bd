// A whole directory dropped on the form is handed in, a few pictures at a time, each under its path in that directory.
"use strict";
for (const form of document.querySelectorAll("form[data-upload]")) {
  const told = form.querySelector("[data-told]");
  const files = async (entry, path) => {
    if (entry.isFile) {
      const file = await new Promise((take, fail) => entry.file(take, fail));
      return /^image\//.test(file.type) ? [[path + file.name, file]] : [];
    }
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((take, fail) => reader.readEntries(take, fail));
      if (!some.length) return found;
      for (const each of some) found.push(...(await files(each, `${path}${entry.name}/`)));
    }
  };
  const send = async (some) => {
    const body = new FormData();
    for (const each of form.querySelectorAll("input[type=hidden]")) body.append(each.name, each.value);
    for (const [place, file] of some) body.append("pictures", file, place);
    const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
  };
  for (const kind of ["dragenter", "dragover"]) {
    addEventListener(kind, (event) => { event.preventDefault(); form.classList.add("over"); });
  }
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) form.classList.remove("over"); });
  addEventListener("drop", async (event) => {
    event.preventDefault();
    form.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
    const all = (await Promise.all(entries.map((entry) => files(entry, "")))).flat();
    for (let first = 0; first < all.length; first += 8) {
      told.textContent = `${first} / ${all.length}`;
      try {
        await send(all.slice(first, first + 8));
      } catch (error) {
        told.textContent = `${first} / ${all.length}: ${error.message}`;
        return;
      }
    }
    if (all.length) location.reload();
  });
}
