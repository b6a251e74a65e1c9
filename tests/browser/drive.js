// Uses the report as a reader does; each line of the answer is something that did not work. Put
// into a copy of the page by the browser tests, which read the answer from the page.
addEventListener("load", async () => {
  const faults = [];
  const expect = (what, is) => { if (!is) faults.push(what); };
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const words = () => new URLSearchParams(location.hash.slice(1));
  const shown = (rows) => rows.filter((row) => !row.hidden);
  const tools = document.querySelector("form.tools");
  const boxes = all(".picker input", tools);
  const toggle = (label) => all("label", tools).find((l) => l.textContent.includes(label))?.querySelector("input");

  if (location.hash.includes("=")) {
    // A view that was kept: everything in its address is so.
    const without = words().get("without");
    expect("targets restored", boxes.some((box) => box.value === without && !box.checked));
    expect("rows of it are gone", all("table.rows tbody tr").filter((row) => row.querySelector("th").textContent === without).every((row) => row.hidden));
    expect("axes restored", document.documentElement.classList.contains("lin") && toggle("linear").checked);
    const [nth, column] = words().get("sort").split(".");
    const table = all("table.matrix, table.rows, table.ratios, table.sortable")[nth];
    expect("sorting restored", all("thead th", table)[column].getAttribute("aria-sort") === "descending");
  } else {
    expect("nothing hidden at first", shown(all("tbody tr")).length === all("tbody tr").length);
    const table = document.querySelector("table.rows");
    const body = table.tBodies[0];
    const before = [...body.rows];
    const column = all("thead th", table).findIndex((th) => th.textContent.startsWith("median"));
    const button = all("thead th", table)[column].querySelector("button");
    const unit = { ns: 1, "µs": 1e3, ms: 1e6, s: 1e9 };
    const value = (row) => {
      const found = /^([\d.,]+)\s(ns|µs|ms|s)/.exec(row.cells[column].textContent.trim());
      return found ? Number(found[1].replace(",", "")) * unit[found[2]] : NaN;
    };
    const sorted = (rows, sign) => rows.map(value).filter((v) => !Number.isNaN(v)).every((v, n, list) => n === 0 || sign * (v - list[n - 1]) >= 0);
    button.click();
    expect("ascending", sorted([...body.rows], 1) && button.parentElement.getAttribute("aria-sort") === "ascending");
    button.click();
    expect("descending", sorted([...body.rows], -1));
    expect("sorting is in the address", /\.down$/.test(words().get("sort")));
    button.click();
    expect("as it was", [...body.rows].every((row, n) => row === before[n]) && !location.hash.includes("sort"));

    const box = boxes[0];
    box.click();
    const hit = all("table.rows tbody tr, table.matrix tbody tr").filter((row) => row.querySelector("th").textContent === box.value);
    expect("rows of a target go", hit.length > 0 && hit.every((row) => row.hidden));
    expect("other rows stay", shown(body.rows.length ? [...body.rows] : []).length > 0);
    const lines = all("g[data-t]").filter((g) => g.dataset.t === box.value);
    expect("its lines in pictures go", lines.length > 0 && lines.every((g) => getComputedStyle(g).visibility === "hidden"));
    const keys = all("li[data-t]").filter((li) => li.dataset.t === box.value);
    expect("its keys in legends go", keys.length > 0 && keys.every((li) => li.hidden));
    expect("targets are in the address", words().get("without") === box.value);

    const linear = document.querySelector("div.linear");
    expect("logarithmic at first", getComputedStyle(linear).display === "none");
    toggle("linear").click();
    expect("linear", getComputedStyle(linear).display !== "none" && getComputedStyle(document.querySelector("div.logarithmic")).display === "none");

    const hide = toggle("no difference");
    if (hide) {
      hide.click();
      expect("rows without a difference go", all("tr.same").every((row) => row.hidden));
      hide.click();
    }
    for (const other of boxes.filter((one) => one !== box)) {
      const heading = all("th[scope=col][data-t]").find((th) => th.dataset.t === other.value);
      if (!heading) continue;
      other.click();
      const cells = [...heading.closest("table").rows].map((row) => row.cells[heading.cellIndex]);
      expect("its column goes", cells.length > 1 && cells.every((cell) => cell.hidden));
      other.click();
      expect("its column comes back", cells.every((cell) => !cell.hidden));
    }
    for (const curves of [".curves svg[role]", "figure[data-workload] svg[role]"]) {
      const picture = document.querySelector(curves);
      expect(`${curves} is there`, picture);
      expect(`${curves} is of targets`, picture?.querySelector("g[data-t]"));
    }
    const select = tools.querySelector("select");
    if (select) {
      select.value = select.options[1].value;
      select.dispatchEvent(new Event("change"));
      expect("other workloads go", all("main [data-workload]:not(tr)").every((b) => b.hidden === (b.dataset.workload !== select.value)));
    }
    const groups = document.querySelector(".conformance table.groups");
    const heading = all("th[data-t]", groups).find((th) => all("tbody td:nth-child(" + (th.cellIndex + 1) + ") a", groups).length);
    const share = (row) => Number.parseFloat(row.cells[heading.cellIndex].textContent);
    const order = () => [...groups.tBodies[0].rows].map(share).filter((v) => !Number.isNaN(v));
    heading.querySelector("button").click();
    const worst = order();
    expect("least passed first", worst.length > 1 && worst[0] < 100 && worst.every((v, n) => n === 0 || worst[n - 1] <= v));
    heading.querySelector("button").click();
    expect("most passed first", order()[0] === 100);
    const [whole, rest] = [true, false].map((is) => [...groups.tBodies[0].rows].filter((row) => row.classList.contains("everywhere") === is));
    const seen = (row) => getComputedStyle(row).display !== "none";
    const passes = document.querySelector(".conformance input[type=checkbox]");
    passes.click();
    expect("what passes everywhere goes, and nothing else", whole.length > 0 && !whole.some(seen) && rest.length > 0 && rest.every(seen));
    passes.click();
    expect("what passes everywhere comes back", whole.every(seen));
    all("button", tools).find((b) => b.textContent === "Reset").click();
    expect("reset", words().toString() === "" && shown(all("tbody tr")).length === all("tbody tr").length);
  }
  if (!location.hash.includes("=")) {
    // A failure has an address of its own, which opens what it is folded into.
    const link = document.querySelector("li[id] > a.here");
    const failure = link.parentElement;
    expect("a failure is folded away", !link.closest("details").open);
    expect("a failure is to be found in the tests' source", all("a", failure).some((a) => /^https:.*\.wast#L\d+$/.test(a.href)));
    await new Promise((done) => {
      addEventListener("hashchange", () => setTimeout(done), { once: true });
      location.hash = link.getAttribute("href");
    });
    expect("the address of a failure unfolds it", link.closest("details").open && location.hash === `#${failure.id}`);
    const { top } = failure.getBoundingClientRect();
    expect("and shows it", top >= 0 && top < innerHeight);
  }
  const answer = document.createElement("pre");
  answer.id = "answer";
  answer.textContent = `ANSWER ${JSON.stringify({ faults })} END`;
  document.body.append(answer);
});
