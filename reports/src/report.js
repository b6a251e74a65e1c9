// What a reader can do with the report beyond reading it: filter, sort, change axes. The page is
// whole without this. The state is in the URL's hash, so that a view can be kept and passed on.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (tag, attributes = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), attributes);
    element.append(...children);
    return element;
  };
  const empty = () => ({ targets: new Set(), workload: "", linear: false, hide: false, sort: new Map(), at: "" });
  let state = empty();

  // What a cell or heading says by itself, without what is nested in it.
  const own = (cell) => [...cell.childNodes]
    .filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data).join("").trim();
  // "12.3 µs", "1/26", "1,200", "3.41×" as numbers in one unit each; NaN for words.
  const units = { ns: 1, "µs": 1e3, ms: 1e6, s: 1e9, B: 1, kB: 1e3, MB: 1e6, GB: 1e9 };
  const number = (cell) => {
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    const text = (own(cell) || cell.textContent).trim().replaceAll(",", "");
    const found = /^(1\/)?(-?[\d.]+)\s*(ns|µs|ms|s|B|kB|MB|GB)?/.exec(text);
    if (!found) return NaN;
    const value = Number(found[2]) * (units[found[3]] ?? 1);
    return found[1] ? 1 / value : value;
  };

  const tables = all("table.matrix, table.rows, table.ratios, table.sortable");
  const lines = [];
  const targets = new Map();
  for (const table of tables) {
    for (const row of all("tbody > tr", table)) {
      const heading = row.querySelector("th[scope=row]");
      const name = row.dataset.target ?? (heading ? own(heading).replace(/, fresh$/, "") : "");
      const names = [name, row.dataset.over].filter(Boolean);
      lines.push({ row, names, workloads: (row.dataset.workload ?? "").split(" ").filter(Boolean) });
      if (name) targets.set(name, 1 + (targets.get(name) ?? 0));
    }
  }
  // Columns that are targets: the matrix of conformance.
  const columns = all("th[scope=col][data-t]").map((heading) => ({ heading, cells: [heading, ...all("tbody > tr", heading.closest("table")).map((row) => row.cells[heading.cellIndex])].filter(Boolean) }));
  for (const { heading } of columns) targets.set(heading.dataset.t, 1 + (targets.get(heading.dataset.t) ?? 0));
  const parts = all("g[data-t]");
  const named = all("[data-t]:not(g):not(th)");
  const blocks = all("main [data-workload]:not(tr)");
  const workloads = [...new Set(blocks.map((block) => block.dataset.workload))];

  // Sorting: ascending, descending, as it was.
  tables.forEach((table, nth) => {
    const body = table.tBodies[0];
    const order = [...body.rows];
    const headings = all("thead th", table);
    headings.forEach((heading, column) => {
      const button = make("button", { type: "button", className: "sort" });
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const [last, way] = state.sort.get(nth) ?? [];
        if (last !== column) state.sort.set(nth, [column, "up"]);
        else if (way === "up") state.sort.set(nth, [column, "down"]);
        else state.sort.delete(nth);
        changed();
      });
    });
    let was = "";
    table.sortBy = () => {
      const [column, way] = state.sort.get(nth) ?? [];
      if (was === `${column} ${way}` || (!was && !way)) return;
      was = `${column} ${way}`;
      headings.forEach((heading, n) => {
        if (n === column) heading.setAttribute("aria-sort", way === "up" ? "ascending" : "descending");
        else heading.removeAttribute("aria-sort");
      });
      const rows = [...order];
      if (column !== undefined) {
        const sign = way === "up" ? 1 : -1;
        const key = new Map(rows.map((row) => [row, row.cells[column]]));
        rows.sort((a, b) => {
          const [x, y] = [key.get(a), key.get(b)];
          const [u, v] = [number(x), number(y)];
          // What has no number stands last, whichever way the others go.
          if (Number.isNaN(u) !== Number.isNaN(v)) return Number.isNaN(u) ? 1 : -1;
          if (!Number.isNaN(u)) return sign * (u - v);
          return sign * x.textContent.localeCompare(y.textContent);
        });
      }
      body.append(...rows);
    };
  });

  // The tools, made here: without a script there is nothing that does not work.
  const boxes = [...targets.keys()].map((name) => {
    const box = make("input", { type: "checkbox", value: name });
    box.addEventListener("change", () => {
      state.targets = new Set(boxes.filter((b) => !b.checked).map((b) => b.value));
      changed();
    });
    return box;
  });
  const counted = make("span");
  const picker = make("details", { className: "picker" },
    make("summary", {}, "Targets ", counted),
    make("div", { className: "choices" }, ...boxes.map((box) => make("label", {}, box, " " + box.value))));
  const select = make("select", {},
    make("option", { value: "", textContent: "all" }),
    ...workloads.map((name) => make("option", { value: name, textContent: name })));
  select.addEventListener("change", () => { state.workload = select.value; changed(); });
  const toggle = (key, words) => {
    const box = make("input", { type: "checkbox" });
    box.addEventListener("change", () => { state[key] = box.checked; changed(); });
    return { key, box, label: make("label", {}, box, " " + words) };
  };
  const toggles = [
    ...(document.querySelector(".linear") ? [toggle("linear", "linear axes")] : []),
    ...(document.querySelector("tr.same") ? [toggle("hide", "hide what shows no difference")] : []),
  ];
  const reset = make("button", { type: "button", textContent: "Reset" });
  reset.addEventListener("click", () => { state = empty(); changed(); });
  const status = make("span", { className: "dim" });
  status.setAttribute("role", "status");
  const tools = make("form", { className: "tools" }, picker);
  if (workloads.length > 1) tools.append(make("label", {}, "Workload ", select));
  tools.append(...toggles.map((t) => t.label), reset, status);
  tools.setAttribute("aria-label", "Filter and axes");
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && picker.open) { picker.open = false; picker.firstElementChild.focus(); }
  });
  if (lines.length || columns.length) document.querySelector("main").prepend(tools);

  const show = () => {
    let hidden = 0;
    for (const { row, names, workloads: of } of lines) {
      const out = names.some((name) => state.targets.has(name))
        || (state.workload && of.length > 0 && !of.includes(state.workload))
        || (state.hide && row.classList.contains("same"));
      row.hidden = Boolean(out);
      hidden += out ? 1 : 0;
    }
    for (const block of blocks) block.hidden = Boolean(state.workload && block.dataset.workload !== state.workload);
    for (const part of parts) part.classList.toggle("off", state.targets.has(part.dataset.t));
    for (const part of named) part.hidden = state.targets.has(part.dataset.t);
    for (const { heading, cells } of columns) for (const cell of cells) cell.hidden = state.targets.has(heading.dataset.t);
    document.documentElement.classList.toggle("lin", state.linear);
    for (const table of tables) table.sortBy();
    for (const box of boxes) box.checked = !state.targets.has(box.value);
    for (const { key, box } of toggles) box.checked = state[key];
    select.value = state.workload;
    counted.textContent = state.targets.size ? `${boxes.length - state.targets.size} of ${boxes.length}` : "all";
    status.textContent = hidden ? `${hidden} of ${lines.length} rows hidden` : "";
  };

  const written = () => {
    const words = new URLSearchParams();
    if (state.at) words.set("at", state.at);
    if (state.targets.size) words.set("without", [...state.targets].join(" "));
    if (state.workload) words.set("workload", state.workload);
    if (state.linear) words.set("linear", "1");
    if (state.hide) words.set("hide", "1");
    if (state.sort.size) words.set("sort", [...state.sort].map(([n, [c, way]]) => `${n}.${c}.${way}`).join(" "));
    return words.toString();
  };
  const changed = () => {
    show();
    history.replaceState(null, "", `#${written()}`);
  };
  const read = () => {
    const hash = location.hash.slice(1);
    if (!hash.includes("=")) {
      // A link inside the page: the view stays, and so does its address.
      state.at = decodeURIComponent(hash);
    } else {
      const words = new URLSearchParams(hash);
      const list = (name) => (words.get(name) ?? "").split(" ").filter(Boolean);
      state = empty();
      state.at = words.get("at") ?? "";
      state.targets = new Set(list("without").filter((name) => targets.has(name)));
      state.workload = workloads.includes(words.get("workload")) ? words.get("workload") : "";
      state.linear = words.get("linear") === "1";
      state.hide = words.get("hide") === "1";
      for (const one of list("sort")) {
        const [nth, column, way] = one.split(".");
        const known = tables[nth]?.tHead?.rows[0]?.cells[column];
        if (known && (way === "up" || way === "down")) state.sort.set(Number(nth), [Number(column), way]);
      }
    }
    show();
    const place = state.at && document.getElementById(state.at);
    if (place) {
      for (let up = place; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
      place.scrollIntoView({ behavior: "instant" });
    }
    if (state.at && written() !== `at=${state.at}`) history.replaceState(null, "", `#${written()}`);
  };
  addEventListener("hashchange", read);
  read();

  // The cost of a machine that the reader names.
  const amount = (value) => value.toFixed(Math.min(12, Math.max(2, 2 - Math.floor(Math.log10(value)))));
  for (const form of all("form.cost")) {
    const table = form.parentElement.querySelector("table[data-formula]");
    const value = (name) => Number(form.elements[name]?.value);
    const formulas = {
      rate: (rate) => value("per_hour") / (rate * value("vcpus") / Number(table.dataset.cpus) * 3600) * 1e6,
      bytes: (bytes) => value("per_hour") * 730 * bytes / (value("memory_gb") * 1e9),
    };
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      for (const cell of all("[data-cost]", table)) {
        const cost = formulas[table.dataset.formula](Number(cell.dataset.cost));
        const known = Number.isFinite(cost) && cost > 0;
        cell.textContent = known ? amount(cost) : "–";
        cell.dataset.v = known ? cost : "";
      }
    });
  }
})();
