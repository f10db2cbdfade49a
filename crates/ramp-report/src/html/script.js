"use strict";
// Shows the values under the pointer; without it every plot is still there to read.
(() => {
  const root = document.documentElement;
  const all = JSON.parse(document.getElementById("timeline").textContent);
  const number = new Intl.NumberFormat(root.lang, { maximumFractionDigits: 2 });
  const two = (n) => String(n).padStart(2, "0");
  const clock = (s) => `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(Math.floor(s) % 60)}`;
  root.classList.add("scripted");

  // The last bucket that starts at or before a second, unless it is long past.
  const bucketAt = (buckets, second) => {
    let low = 0, high = buckets.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (buckets[middle][0] <= second) low = middle + 1; else high = middle;
    }
    const found = buckets[low - 1];
    return found && second - found[0] <= Math.max(3 * all.bucket, 15) ? found : undefined;
  };

  const text = (bucket, unit) => {
    if (!bucket || bucket.length === 1) return "—";
    const [, last, lowest, highest] = bucket;
    const spread = lowest === undefined ? "" : ` (${number.format(lowest)} – ${number.format(highest)})`;
    return `${number.format(last)}${spread}${unit && " "}${unit}`;
  };

  for (const plot of document.querySelectorAll(".plot")) {
    const data = JSON.parse(plot.dataset.plot);
    const svg = plot.querySelector("svg");
    const reading = plot.parentElement.querySelector(".reading");
    const [width, height] = [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height];
    const cursor = document.createElementNS(svg.namespaceURI, "line");
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("y1", 22);
    cursor.setAttribute("y2", height - 26);
    cursor.setAttribute("visibility", "hidden");
    svg.append(cursor);
    reading.classList.add("ready");
    let second = data.from;

    const show = (at) => {
      second = Math.min(Math.max(at, data.from), data.to);
      const share = (second - data.from) / (data.to - data.from);
      const x = (data.left + share * (data.right - data.left)) * width;
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      cursor.setAttribute("visibility", "visible");
      const parts = data.tracks.map(([id, name]) => {
        const part = document.createElement("span");
        const value = document.createElement("b");
        const track = all.tracks[id];
        value.textContent = text(bucketAt(track.at, second), track.unit);
        part.append(`${name} `, value);
        return part;
      });
      const time = document.createElement("span");
      time.textContent = clock(second);
      reading.replaceChildren(time, ...parts);
    };
    const hide = () => {
      cursor.setAttribute("visibility", "hidden");
      reading.replaceChildren();
    };

    plot.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const share = ((event.clientX - box.left) / box.width - data.left) / (data.right - data.left);
      show(data.from + share * (data.to - data.from));
    });
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("blur", hide);
    plot.addEventListener("keydown", (event) => {
      const step = Math.max(all.bucket, (data.to - data.from) / 200);
      if (event.key === "ArrowRight") show(second + step);
      else if (event.key === "ArrowLeft") show(second - step);
      else return;
      event.preventDefault();
    });
  }
})();
