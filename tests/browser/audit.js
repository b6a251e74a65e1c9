// What a report must be for everyone: each line of the answer is a fault. Put into a copy of the
// page by the browser tests, which read the answer from the page.
addEventListener("load", () => {
  const faults = [];
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const told = (element) => element.outerHTML.slice(0, 90).replace(/\s+/g, " ");
  const fault = (what, element) => faults.push(`${what}: ${element ? told(element) : ""}`);

  all("details").forEach((details) => { details.open = true; });
  const name = (element) => (element.getAttribute("aria-label")
    || (element.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ")
    || [...(element.labels ?? [])].map((label) => label.textContent).join(" ")
    || element.textContent || "").trim();

  if (!document.documentElement.lang) fault("no language");
  if (!document.title) fault("no title");
  if (all("main").length !== 1) fault("there is not one main");
  for (const element of all("a, button, input, select, textarea, summary")) {
    if (!name(element)) fault("without a name", element);
    if (element.tabIndex < 0 && !element.disabled) fault("cannot be reached by keyboard", element);
    if (element.closest("[aria-hidden=true]")) fault("hidden from readers but not from the keyboard", element);
  }
  for (const element of all("[tabindex]")) if (Number(element.getAttribute("tabindex")) > 0) fault("order of its own", element);
  for (const element of all("svg:not([aria-hidden=true])")) {
    if (!element.querySelector("title")?.textContent || !element.querySelector("desc")?.textContent) fault("picture without words", element);
  }
  const labels = new Map();
  for (const element of all("nav, form, [role=region], section[aria-label]")) {
    const label = element.tagName + name(element).slice(0, 200);
    if (element.getAttribute("aria-label") === null) fault("landmark without a label", element);
    if (labels.has(label)) fault("two landmarks of one name", element);
    labels.set(label, element);
  }
  for (const element of all(".scroll")) if (element.tabIndex !== 0) fault("scrolls, but not by keyboard", element);
  let last = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6")) {
    const level = Number(heading.tagName[1]);
    if (level > last + 1) fault(`h${level} after h${last}`, heading);
    if (!heading.textContent.trim()) fault("empty heading", heading);
    last = level;
  }
  for (const table of all("table")) {
    if (!table.caption && !table.closest("[aria-label]")) fault("table without a caption", table);
    for (const cell of all("th", table)) if (!cell.scope) fault("heading of nothing", cell);
  }
  for (const list of all("ul, ol")) for (const child of list.children) if (child.tagName !== "LI") fault("no item of a list", child);
  const ids = new Set();
  for (const element of all("[id]")) {
    if (ids.has(element.id)) fault("id twice", element);
    ids.add(element.id);
  }
  if (document.documentElement.scrollWidth > innerWidth) fault(`wider than the window: ${document.documentElement.scrollWidth}`);

  // Contrast by WCAG 2.2, 1.4.3: 4.5, or 3 for large text.
  const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
  const shine = ([red, green, blue]) => [red, green, blue]
    .map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, n) => sum + part * [0.2126, 0.7152, 0.0722][n], 0);
  const ground = (element) => {
    for (let up = element; up; up = up.parentElement) {
      const colour = parts(getComputedStyle(up).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    return [255, 255, 255];
  };
  const seen = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest("script, style, .unseen, .skip, title, desc")) continue;
    const style = getComputedStyle(element);
    const ink = parts(element.closest("svg") ? style.fill : style.color);
    const paper = ground(element);
    const key = [ink, paper, style.fontSize, style.fontWeight].join();
    if (seen.has(key)) continue;
    seen.add(key);
    const [one, other] = [shine(ink), shine(paper)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) fault(`contrast ${ratio.toFixed(2)}`, element);
  }
  const answer = document.createElement("pre");
  answer.id = "answer";
  answer.textContent = `ANSWER ${JSON.stringify({ faults, ready: performance.now() })} END`;
  document.body.append(answer);
});
