"use strict";
(() => {
  const all = (query, root = document) => [...root.querySelectorAll(query)];

  function show(id, move) {
    const step = document.getElementById(id);
    if (!step || !step.matches("article.step")) return false;
    const panel = step.closest("[data-panel]");
    all("article.step", panel).forEach((other) => { other.hidden = other !== step; });
    panel.querySelector(".hint").hidden = true;
    const run = panel.closest(".run");
    all(".node", run).forEach((node) => {
      if (node.getAttribute("href") === "#" + id) node.setAttribute("aria-current", "true");
      else node.removeAttribute("aria-current");
    });
    if (move) {
      step.focus({ preventScroll: true });
      panel.scrollIntoView({ block: "nearest" });
    }
    return true;
  }

  function hide(panel) {
    all("article.step", panel).forEach((step) => { step.hidden = true; });
    panel.querySelector(".hint").hidden = false;
    all(".node[aria-current]", panel.closest(".run")).forEach((node) => {
      node.removeAttribute("aria-current");
      node.focus();
    });
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.to-step");
    if (link && show(link.getAttribute("href").slice(1), true)) event.preventDefault();
    const close = event.target.closest(".close");
    if (close) hide(close.closest("[data-panel]"));
  });
  document.addEventListener("keydown", (event) => {
    const panel = event.key === "Escape" && event.target.closest("[data-panel]");
    if (panel) hide(panel);
  });

  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  all("table.sortable").forEach((table) => {
    all("thead th:not([data-fixed])", table).forEach((head) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const column = head.cellIndex;
        const number = head.classList.contains("n");
        const before = head.getAttribute("aria-sort") || (number ? "ascending" : "descending");
        const turn = before === "ascending" ? -1 : 1;
        all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", turn === 1 ? "ascending" : "descending");
        const body = table.tBodies[0];
        body.append(...[...body.rows].sort((a, b) => turn * compare(key(a, column), key(b, column))));
      });
    });
  });

  const root = document.documentElement;
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    closed.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((details) => { details.open = false; }));

  const failed = document.querySelector("#failure a.to-step");
  if (!show(location.hash.slice(1), true) && failed) show(failed.getAttribute("href").slice(1), false);
})();
