// Whether pictures are drawn right: every mark whole and centred on its point, no label over another
// or beyond the edge. Each line of the answer is a fault. Put into a copy of the page by tests.
addEventListener("load", () => {
  const faults = [];
  let marks = 0, labels = 0;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const number = (element, name) => Number(element.getAttribute(name));
  all("details").forEach((details) => { details.open = true; });
  const look = () => {
    for (const picture of all("svg[role=img]")) {
      const frame = picture.getBoundingClientRect();
      if (frame.width === 0) continue;
      const name = picture.querySelector("title").textContent.slice(0, 60);
      const fault = (what, element) => faults.push(`${name}, ${Math.round(frame.width)} wide: ${what}: ${element.outerHTML.slice(0, 90)}`);
      const scale = frame.width / picture.viewBox.baseVal.width;
      if (scale > 1.01) fault(`drawn ${scale.toFixed(2)} times as large as the legend`, picture.querySelector("title"));
      const inside = (box) => box.left >= frame.left - 0.5 && box.right <= frame.right + 0.5 && box.top >= frame.top - 0.5 && box.bottom <= frame.bottom + 0.5;
      const placed = [...all("use", picture).map((one) => [one, number(one, "x"), number(one, "y"), 12]),
        ...all("circle", picture).map((one) => [one, number(one, "cx"), number(one, "cy"), 2 * number(one, "r")])];
      const boxes = [];
      for (const [mark, x, y, size] of placed) {
        const box = mark.getBoundingClientRect();
        marks += 1;
        const [dx, dy] = [(box.left + box.right) / 2 - frame.left - x * scale, (box.top + box.bottom) / 2 - frame.top - y * scale];
        if (Math.abs(dx) > 0.75 || Math.abs(dy) > 0.75) fault(`off its point by ${dx.toFixed(1)}, ${dy.toFixed(1)}`, mark);
        if (Math.abs(box.width - size * scale) > 0.75 || Math.abs(box.height - size * scale) > 0.75) fault(`${box.width.toFixed(1)} by ${box.height.toFixed(1)} instead of ${(size * scale).toFixed(1)}`, mark);
        if (!inside(box)) fault("mark beyond the edge", mark);
        boxes.push([mark, box]);
      }
      const texts = all("text", picture).map((text) => [text, text.getBoundingClientRect()]);
      texts.forEach(([text, box], n) => {
        labels += 1;
        if (!inside(box)) fault("label beyond the edge", text);
        // A line's box is higher than its letters: a pixel of it is air.
        const over = (other) => box.left + 1 < other.right && other.left + 1 < box.right && box.top + 2 < other.bottom && other.top + 2 < box.bottom;
        for (const [other, its] of texts.slice(n + 1)) if (over(its)) fault(`over “${other.textContent}”`, text);
        for (const [mark, its] of boxes) if (over(its)) fault(`over ${mark.outerHTML.slice(0, 50)}`, text);
      });
    }
  };
  look();
  document.documentElement.classList.add("lin");
  look();
  // The key of a legend shows its mark in the same size.
  for (const key of all("svg.key")) {
    const box = key.getBoundingClientRect();
    if (box.width && (Math.abs(box.width - 26) > 0.5 || Math.abs(box.height - 16) > 0.5)) faults.push(`a key ${box.width} by ${box.height}`);
  }
  if (!marks || !labels) faults.push(`${marks} marks and ${labels} labels: nothing was looked at`);
  const told = JSON.stringify({ faults, marks, labels });
  // In a frame, which can be narrower than any window.
  if (parent !== window) parent.postMessage(told, "*");
  const answer = document.createElement("pre");
  answer.id = "answer";
  answer.textContent = `ANSWER ${told} END`;
  document.body.append(answer);
});
