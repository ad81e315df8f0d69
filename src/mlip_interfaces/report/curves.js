"use strict";
// Figures as curves that are read off and switched: drawn from the numbers that stand beside each picture.

const curves = {
  // The namespace of SVG, asked of the browser: the page has no address in it.
  namespace: (() => {
    const holder = document.createElement("div");
    holder.innerHTML = "<svg></svg>";
    return holder.firstChild.namespaceURI;
  })(),

  draw(tag, attributes, text) {
    const element = document.createElementNS(curves.namespace, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    return element;
  },

  // A number as a person writes it: four digits, a power of ten where it is very large or small.
  number(value) {
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1e5 || size < 1e-3) {
      const [digits, power] = value.toExponential(3).split("e");
      return `${Number(digits)}·10${[...String(Number(power))].map(sign => "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign] ?? "⁻").join("")}`;
    }
    return String(Number(value.toPrecision(4)));
  },

  // Places of about so many ticks on a linear axis, or at powers of ten (and between them where these are few).
  ticks(low, high, wanted, isLog) {
    if (isLog) {
      const found = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
        for (const digit of Math.log10(high / low) < 1.5 ? [1, 2, 5] : [1]) found.push(digit * 10 ** power);
      }
      return found.filter(place => place >= low && place <= high);
    }
    const rough = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find(digit => digit * power >= rough * 0.999);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(Number((k * step).toPrecision(12)));
    return found;
  },

  csv(figure) {
    const quote = text => /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    const named = (label, other) => label || other;
    const columns = ["panel", "curve"];
    const column = name => {
      if (!columns.includes(name)) columns.push(name);
      return columns.indexOf(name);
    };
    const rows = [];
    figure.panels.forEach((panel, number) => {
      const xName = named(panel.x_label, "x"), yName = named(panel.y_label, named(panel.title, "y"));
      panel.curves.forEach((curve, place) => {
        if (["level", "rule", "span", "area"].includes(curve.kind)) return;
        curve.x.forEach((x, k) => {
          if (x === null || curve.y[k] === null) return;
          const row = [panel.title || `panel ${number + 1}`, curve.label || `curve ${place + 1}`];
          row[column(xName)] = x;
          row[column(xName === yName ? `${yName}, ordinate` : yName)] = curve.y[k];
          if (curve.low.length && curve.kind !== "bars") {
            row[column(`${yName}, lower end`)] = curve.low[k];
            row[column(`${yName}, upper end`)] = curve.high[k];
          }
          rows.push(row);
        });
      });
    });
    const line = row => columns.map((_, k) => quote(String(row[k] ?? ""))).join(",");
    return [columns.map(quote).join(","), ...rows.map(line)].join("\n") + "\n";
  },
};

// One panel: its SVG, which is drawn again when its width changes, and what it says of the place under the pointer.
class CurvesPanel {
  constructor(panel, hidden) {
    this.panel = panel;
    this.hidden = hidden;
    this.width = 0;
    this.active = 0;
    this.svg = curves.draw("svg", { tabindex: "0", role: "img" });
    this.svg.setAttribute("aria-label", [panel.title, `${panel.y_label} against ${panel.x_label}`,
      "arrow keys read the values"].filter(Boolean).join(": "));
    this.readout = page.make("div", { class: "readout", "aria-live": "polite", hidden: true });
    const words = (name, text) => text ? [page.make("div", { class: name }, text)] : [];
    this.element = page.make("div", { class: "panel" }, ...words("panel-title", panel.title), ...words("panel-y", panel.y_label),
      this.svg, ...words("panel-x", panel.x_label), this.readout);
    this.svg.panel = this;
    this.svg.addEventListener("pointermove", event => this.point(event));
    this.svg.addEventListener("pointerdown", event => this.point(event));
    this.svg.addEventListener("pointerleave", () => this.clear());
    this.svg.addEventListener("blur", () => this.clear());
    this.svg.addEventListener("keydown", event => this.key(event));
  }

  shown() {
    return this.panel.curves.filter(curve => !this.hidden.has(curve.label));
  }

  read() {
    return this.shown().filter(curve => ["line", "points", "bars"].includes(curve.kind));
  }

  layOut(width) {
    this.width = width;
    const panel = this.panel;
    this.height = Math.round(Math.min(260, Math.max(150, 0.62 * width)));
    const top = 8, bottom = 24, right = 8;
    const yTicks = panel.y_ticks.length ? panel.y_ticks
      : curves.ticks(...[...panel.y_limits].sort((a, b) => a - b), 5, panel.y_log).map(place => [place, curves.number(place)]);
    const left = 12 + 6.2 * Math.max(1, ...yTicks.map(([, name]) => name.length));
    const scale = ([low, high], isLog, from, to) => {
      const warp = isLog ? value => Math.log10(value) : value => value;
      return value => from + (to - from) * (warp(value) - warp(low)) / (warp(high) - warp(low));
    };
    this.x = scale(panel.x_limits, panel.x_log, left, width - right);
    this.y = scale(panel.y_limits, panel.y_log, this.height - bottom, top);
    const wanted = Math.max(2, Math.floor((width - left) / 70));
    const xTicks = panel.x_ticks.length ? panel.x_ticks
      : curves.ticks(...[...panel.x_limits].sort((a, b) => a - b), wanted, panel.x_log).map(place => [place, curves.number(place)]);
    this.frame = { left, top, right: width - right, bottom: this.height - bottom };
    this.xTicks = xTicks;
    this.yTicks = yTicks;
    this.redraw();
  }

  redraw() {
    if (!this.width) return;
    const { svg, frame } = this;
    const add = (tag, attributes, text) => svg.appendChild(curves.draw(tag, attributes, text));
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    svg.setAttribute("height", this.height);
    const clip = add("svg", { x: frame.left, y: frame.top, width: frame.right - frame.left, height: frame.bottom - frame.top,
      viewBox: `${frame.left} ${frame.top} ${frame.right - frame.left} ${frame.bottom - frame.top}`, style: "overflow: hidden" });
    const put = (tag, attributes) => clip.appendChild(curves.draw(tag, attributes));
    for (const [place] of this.yTicks) {
      put("line", { x1: frame.left, x2: frame.right, y1: this.y(place), y2: this.y(place), stroke: "#eeeeee" });
    }
    for (const curve of this.shown()) this.drawCurve(curve, put);
    add("path", { d: `M${frame.left} ${frame.top}V${frame.bottom}H${frame.right}`, stroke: "#333", fill: "none" });
    const inFrame = (pixel, low, high) => pixel >= low - 1 && pixel <= high + 1;
    const letters = Math.max(4, Math.floor((frame.right - frame.left) / this.xTicks.length / 6));
    for (const [place, name] of this.xTicks.filter(([place]) => inFrame(this.x(place), frame.left, frame.right))) {
      const named = this.panel.x_ticks.length && name.length > letters ? `${name.slice(0, letters - 1)}…` : name;
      add("line", { x1: this.x(place), x2: this.x(place), y1: frame.bottom, y2: frame.bottom + 4, stroke: "#333" });
      add("text", { x: this.x(place), y: frame.bottom + 15, "text-anchor": "middle" }, named).append(curves.draw("title", {}, name));
    }
    for (const [place, name] of this.yTicks.filter(([place]) => inFrame(this.y(place), frame.top, frame.bottom))) {
      add("text", { x: frame.left - 5, y: this.y(place) + 3.5, "text-anchor": "end" }, name);
    }
    for (const [x, y, text] of this.panel.notes) {
      if (inFrame(this.x(x), frame.left, frame.right) && inFrame(this.y(y), frame.top, frame.bottom)) {
        const room = this.x(x) + 8 + 6 * text.length < frame.right;
        add("text", { x: this.x(x) + (room ? 8 : -8), y: this.y(y) - 5, "text-anchor": room ? "start" : "end" }, text);
      }
    }
    this.marks = svg.appendChild(curves.draw("g", { "pointer-events": "none" }));
  }

  drawCurve(curve, put) {
    const { x, y, frame } = this, color = curve.color;
    const common = { stroke: color, "stroke-opacity": curve.opacity, fill: "none", "stroke-width": 1.15 * curve.width };
    if (curve.dashed) common["stroke-dasharray"] = "5 3";
    const isThere = k => curve.x[k] !== null && curve.y[k] !== null && !(this.panel.y_log && curve.y[k] <= 0);
    // Breaks of a curve are kept: a gap in the numbers is a gap in the line.
    const line = (xs, ys, there) => {
      let path = "", pen = false;
      for (let k = 0; k < xs.length; k++) {
        if (there(k)) path += `${pen ? "L" : "M"}${x(xs[k]).toFixed(1)} ${y(ys[k]).toFixed(1)}`;
        pen = there(k);
      }
      return path;
    };
    if (curve.kind === "level") put("line", { ...common, x1: frame.left, x2: frame.right, y1: y(curve.x[0]), y2: y(curve.x[0]), "stroke-width": 1 });
    if (curve.kind === "rule") put("line", { ...common, x1: x(curve.x[0]), x2: x(curve.x[0]), y1: frame.top, y2: frame.bottom, "stroke-width": 1 });
    if (curve.kind === "span") {
      const [from, to] = [x(curve.x[0]), x(curve.x[1])];
      put("rect", { x: from, width: to - from, y: frame.top, height: frame.bottom - frame.top, fill: color, "fill-opacity": curve.opacity });
    }
    if (curve.kind === "area") put("path", { d: line(curve.x, curve.y, () => true) + "Z", fill: color, "fill-opacity": curve.opacity });
    if (curve.kind === "bars") {
      curve.x.forEach((middle, k) => {
        const from = x(middle - curve.width / 2), to = x(middle + curve.width / 2);
        const [low, high] = [y(curve.low[k]), y(curve.high[k])];
        put("rect", { x: from, width: Math.max(0.5, to - from), y: Math.min(low, high), height: Math.abs(high - low), fill: color });
      });
    }
    if (curve.kind === "line" || curve.kind === "points") {
      if (curve.low.length && curve.kind === "line" && !curve.marked) {
        const edge = [...curve.x.keys()].filter(k => isThere(k) && curve.low[k] !== null && curve.high[k] !== null);
        const there = [...edge.map(k => `${x(curve.x[k]).toFixed(1)} ${y(curve.high[k]).toFixed(1)}`),
          ...edge.reverse().map(k => `${x(curve.x[k]).toFixed(1)} ${y(curve.low[k]).toFixed(1)}`)];
        if (there.length) put("path", { d: `M${there.join("L")}Z`, fill: color, "fill-opacity": 0.18 });
      } else if (curve.low.length) {
        const bars = [...curve.x.keys()].filter(k => isThere(k) && curve.low[k] !== null).map(k => {
          const [place, low, high] = [x(curve.x[k]), y(curve.low[k]), y(curve.high[k])];
          return `M${place} ${low}V${high}M${place - 4} ${low}h8M${place - 4} ${high}h8`;
        });
        put("path", { ...common, "stroke-dasharray": "none", "stroke-width": 1.6, d: bars.join("") });
      }
      if (curve.kind === "line") put("path", { ...common, d: line(curve.x, curve.y, isThere), "stroke-linejoin": "round" });
      if (curve.kind === "points" || curve.marked) {
        const radius = curve.x.length > 100 ? 1.8 : 3.2;
        const dots = [...curve.x.keys()].filter(isThere).map(k =>
          `M${(x(curve.x[k]) - radius).toFixed(1)} ${y(curve.y[k]).toFixed(1)}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0`);
        put("path", { d: dots.join(""), fill: curve.hollow ? "#fff" : color, stroke: curve.hollow ? color : "none",
          "stroke-width": 1.4, "fill-opacity": curve.opacity });
      }
    }
  }

  // Of each curve the point next to a place, with its distance in pixels.
  nearest(px, py) {
    const found = [];
    for (const curve of this.read()) {
      let best = null;
      for (let k = 0; k < curve.x.length; k++) {
        if (curve.x[k] === null || curve.y[k] === null) continue;
        const top = curve.kind === "bars" ? curve.high[k] : curve.y[k];
        const dx = Math.abs(this.x(curve.x[k]) - px), dy = Math.abs(this.y(top) - py);
        const far = curve.kind === "points" ? Math.hypot(dx, dy) : dx + 1e-3 * dy;
        if (best === null || far < best.far) best = { curve, k, far, dx, dy, top };
      }
      if (best !== null) found.push(best);
    }
    return found.sort((a, b) => Math.hypot(a.dx, a.dy) - Math.hypot(b.dx, b.dy));
  }

  point(event) {
    const box = this.svg.getBoundingClientRect();
    const px = (event.clientX - box.left) * this.width / box.width, py = (event.clientY - box.top) * this.height / box.height;
    const found = this.nearest(px, py);
    if (!found.length) return this.clear();
    const reach = Math.max(25, found[0].dx + 3);
    return this.say(found.filter(one => one.dx <= reach));
  }

  key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1 }, turns = { ArrowUp: -1, ArrowDown: 1 };
    const list = this.read();
    if (event.key === "Escape") return this.clear();
    if (!list.length || !(event.key in steps || event.key in turns)) return undefined;
    event.preventDefault();
    this.active = (this.active + (turns[event.key] ?? 0) + list.length) % list.length;
    const curve = list[this.active];
    const places = [...curve.x.keys()].filter(k => curve.x[k] !== null && curve.y[k] !== null);
    const at = Math.min(places.length - 1, Math.max(0, (this.at ?? -1) + (steps[event.key] ?? 0)));
    this.at = at;
    const k = places[at], top = curve.kind === "bars" ? curve.high[k] : curve.y[k];
    return this.say([{ curve, k, top }]);
  }

  say(found) {
    const MOST = 8, first = found[0], { panel, frame } = this;
    const axis = (label, value) => `${label || "x"} ${curves.number(value)}`;
    const tick = panel.x_ticks.find(([place]) => place === first.curve.x[first.k]);
    const head = page.make("b", {}, tick ? tick[1] : axis(panel.x_label, first.curve.x[first.k]));
    const lines = found.slice(0, MOST).map(({ curve, k }) => {
      const swatch = page.make("i");
      swatch.style.setProperty("--color", curve.color);
      swatch.style.opacity = curve.opacity;
      let text = curves.number(curve.y[k]);
      if (curve.low.length && curve.kind !== "bars" && curve.low[k] !== null) {
        const [down, up] = [curve.y[k] - curve.low[k], curve.high[k] - curve.y[k]];
        text += Math.abs(up - down) <= 1e-3 * (up + down) ? ` ± ${Number(((up + down) / 2).toPrecision(2))}`
          : ` (${curves.number(curve.low[k])} to ${curves.number(curve.high[k])})`;
      }
      return page.make("span", {}, swatch, curve.label ? `${curve.label}: ${text}` : text);
    });
    if (found.length > MOST) lines.push(page.make("span", {}, `and ${found.length - MOST} more`));
    this.readout.replaceChildren(head, ...lines);
    this.readout.hidden = false;
    const px = this.x(first.curve.x[first.k]), box = this.svg.getBoundingClientRect(), ratio = box.width / this.width;
    this.marks.replaceChildren(curves.draw("line", { x1: px, x2: px, y1: frame.top, y2: frame.bottom, stroke: "#999", "stroke-dasharray": "2 2" }),
      ...found.slice(0, MOST).map(({ curve, k, top }, place) => curves.draw("circle",
        { cx: this.x(curve.x[k]), cy: this.y(top), r: place ? 2.5 : 4, fill: curve.color, stroke: "#fff" })));
    const room = this.element.clientWidth - this.readout.offsetWidth, beside = px * ratio + 12;
    const left = beside <= room ? beside : px * ratio - this.readout.offsetWidth - 12;
    this.readout.style.left = `${Math.max(0, Math.min(room, left))}px`;
    this.readout.style.top = `${box.top - this.element.getBoundingClientRect().top + 4}px`;
  }

  clear() {
    this.readout.hidden = true;
    this.marks?.replaceChildren();
    this.at = undefined;
  }
}

{
  const widths = new ResizeObserver(entries => entries.forEach(({ target, contentRect }) => {
    const width = Math.floor(contentRect.width);
    if (width > 0 && width !== target.panel.width) target.panel.layOut(width);
  }));

  // A button for each label of some panels, in their order.
  const legend = (title, hidden, panels, least = 1) => {
    const named = new Map();
    for (const curve of panels.flatMap(({ panel }) => panel.curves)) {
      if (curve.label && !named.has(curve.label)) named.set(curve.label, curve);
    }
    const bar = page.make("div", { class: "legend live", role: "group", "aria-label": title || "curves" });
    if (title) bar.append(title);
    for (const [label, { color, opacity }] of named) {
      const button = page.legendButton(label, color, "", shown => {
        if (shown) hidden.delete(label);
        else hidden.add(label);
        panels.forEach(panel => { panel.clear(); panel.redraw(); });
      });
      // Of curves of one colour the later ones are darker; points that only overlap are pale without a meaning.
      button.querySelector("i").style.setProperty("--opacity", Math.max(0.35, opacity));
      bar.append(button);
    }
    return named.size >= least ? [bar] : [];
  };

  const bring = async holder => {
    const figure = JSON.parse(await page.unpack(holder.querySelector(".curves")));
    const labels = figure.panels.map(panel => panel.curves.map(curve => curve.label).filter(Boolean)).filter(list => list.length);
    // Panels with the same curves are switched together; where two have none in common, each has a legend of its own.
    const isShared = labels.every(list => labels.every(other => list.some(label => other.includes(label))));
    const hidden = new Set();
    const panels = figure.panels.map(panel => new CurvesPanel(panel, isShared ? hidden : new Set()));
    const grid = page.make("div", { class: "panels live" }, ...panels.map(panel => panel.element));
    grid.style.setProperty("--columns", Math.min(figure.columns, panels.length));
    grid.style.setProperty("--narrow", panels.length > 4 && figure.columns > 1 ? 2 : 1);
    if (!isShared) panels.forEach(panel => panel.svg.before(...legend("", panel.hidden, [panel], 2)));
    const picture = holder.querySelector("img");
    const live = [...(isShared ? legend(figure.legend, hidden, panels) : []), grid];
    holder.classList.add("has-live");
    if (figure.whole) picture.after(...live);
    else {
      // The picture shows more than the curves do, and stays: they are not shown a second time unless asked for.
      holder.classList.add("beside");
      picture.after(page.make("details", { class: "live long" }, page.make("summary", {}, "its curves, to read off and switch"), ...live));
    }
    panels.forEach(panel => widths.observe(panel.svg));
    return figure;
  };

  const links = (holder, figure) => {
    const name = holder.dataset.name, line = page.make("p", { class: "take" });
    const offer = (kind, content) => {
      const button = page.make("button", { type: "button" }, kind);
      button.addEventListener("click", async () => page.take(`${name}.${kind.toLowerCase()}`, await content()));
      line.append(button);
    };
    const picture = holder.querySelector("img").src;
    const bytes = () => Uint8Array.from(atob(picture.slice(picture.indexOf(",") + 1)), letter => letter.charCodeAt(0));
    offer("PNG", () => new Blob([bytes()], { type: "image/png" }));
    const svg = holder.querySelector(".svg");
    if (svg) offer("SVG", async () => new Blob([await page.unpack(svg)], { type: "image/svg+xml" }));
    if (figure) offer("CSV", () => new Blob(["\ufeff", curves.csv(figure)], { type: "text/csv" }));
    holder.append(line);
  };

  const all = [...document.querySelectorAll("figure[data-name]")].map(async holder => {
    links(holder, holder.querySelector(".curves") ? await bring(holder) : null);
  });
  // What is drawn moves what is below it: a link into the page is followed again.
  page.ready = Promise.all(all).then(() => {
    if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  });
}
