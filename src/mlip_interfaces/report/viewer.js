"use strict";
// Structures to turn: spheres as shaded discs with a depth of their own, edges of the cell, seen from far away.

const viewerShaders = {
  // A quad for each atom, facing the reader.
  sphereCorner: `#version 300 es
    in vec2 corner; in vec3 center; in float radius; in vec3 color;
    uniform mat3 turn; uniform vec3 middle; uniform vec2 scale; uniform float depth;
    out vec2 place; out vec3 tint; out float nearness; out float size;
    void main() {
      vec3 seen = turn * (center - middle);
      place = corner; tint = color; size = radius * depth; nearness = seen.z * depth;
      gl_Position = vec4((seen.xy + corner * radius) * scale, -nearness, 1.0);
    }`,
  spherePixel: `#version 300 es
    precision highp float;
    in vec2 place; in vec3 tint; in float nearness; in float size;
    out vec4 pixel;
    void main() {
      float square = dot(place, place);
      if (square > 1.0) discard;
      float height = sqrt(1.0 - square);
      gl_FragDepth = 0.5 - 0.5 * (nearness + height * size);
      float light = 0.55 + 0.5 * max(0.0, dot(vec3(place, height), normalize(vec3(-0.4, 0.5, 0.8))));
      float rim = smoothstep(0.18, 0.34, height);
      pixel = vec4(tint * light * mix(0.55, 1.0, rim), 1.0);
    }`,
  edgeCorner: `#version 300 es
    in vec3 center;
    uniform mat3 turn; uniform vec3 middle; uniform vec2 scale; uniform float depth;
    void main() {
      vec3 seen = turn * (center - middle);
      gl_Position = vec4(seen.xy * scale, -seen.z * depth, 1.0);
    }`,
  edgePixel: `#version 300 es
    precision highp float;
    out vec4 pixel;
    void main() { pixel = vec4(0.45, 0.45, 0.45, 1.0); }`,
};

// Rows of a matrix that turns by an angle about one of the screen's axes.
const turnAbout = (axis, angle) => {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return { x: [1, 0, 0, 0, c, -s, 0, s, c], y: [c, 0, s, 0, 1, 0, -s, 0, c], z: [c, -s, 0, s, c, 0, 0, 0, 1] }[axis];
};
const multiply = (a, b) => a.map((_, k) => [0, 1, 2].reduce((sum, i) => sum + a[3 * Math.floor(k / 3) + i] * b[3 * i + k % 3], 0));
const turned = (turn, [x, y, z]) => [0, 3, 6].map(k => turn[k] * x + turn[k + 1] * y + turn[k + 2] * z);

// What the screen's right, up and near are; the stack lies along the third axis of the cell.
const VIEWS = {
  "along a": [0, 0, 1, 0, 1, 0, -1, 0, 0],
  "along b": [0, 0, 1, 1, 0, 0, 0, 1, 0],
  "along c": [1, 0, 0, 0, 1, 0, 0, 0, 1],
};
const FIRST_TURN = multiply(turnAbout("x", 0.3), multiply(turnAbout("y", -0.35), VIEWS["along b"]));

// A canvas with one snapshot.
class Screen {
  constructor(viewer, snapshot) {
    this.viewer = viewer;
    this.canvas = page.make("canvas", { tabindex: "0", role: "img" });
    this.label = page.make("div", { class: "viewer-label" });
    this.element = page.make("div", { class: "viewer-screen" }, this.canvas, this.label);
    this.gl = this.canvas.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true });
    if (this.gl) this.prepare();
    this.listen();
  }

  prepare() {
    const { gl } = this;
    const program = (corner, pixel) => {
      const made = gl.createProgram();
      for (const [kind, source] of [[gl.VERTEX_SHADER, corner], [gl.FRAGMENT_SHADER, pixel]]) {
        const shader = gl.createShader(kind);
        gl.shaderSource(shader, source);
        gl.compileShader(shader);
        gl.attachShader(made, shader);
      }
      gl.linkProgram(made);
      if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(`The viewer's shaders do not link: ${gl.getProgramInfoLog(made)}`);
      const uniforms = Object.fromEntries(["turn", "middle", "scale", "depth"].map(name => [name, gl.getUniformLocation(made, name)]));
      return { made, uniforms };
    };
    this.spheres = program(viewerShaders.sphereCorner, viewerShaders.spherePixel);
    this.edges = program(viewerShaders.edgeCorner, viewerShaders.edgePixel);
    this.corners = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.corners);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
    this.atoms = gl.createBuffer();
    this.lines = gl.createBuffer();
  }

  show(view, snapshot) {
    this.view = view;
    this.snapshot = snapshot;
    this.label.textContent = snapshot.title;
    this.canvas.setAttribute("aria-label", `${view.title}, ${snapshot.title}: drag or arrow keys turn it, plus and minus zoom, 0 resets`);
    const cell = snapshot.cell, corner = (i, j, k) => [0, 1, 2].map(axis => i * cell[axis] + j * cell[3 + axis] + k * cell[6 + axis]);
    const points = [];
    for (const [i, j] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
      points.push(corner(0, i, j), corner(1, i, j), corner(i, 0, j), corner(i, 1, j), corner(i, j, 0), corner(i, j, 1));
    }
    this.middle = corner(0.5, 0.5, 0.5);
    this.edgePoints = points;
    this.resize();
  }

  // Atoms of the elements and layers that are switched on.
  visible() {
    const { off, content } = this.viewer, { view } = this;
    return [...view.element.keys()].filter(k =>
      !off.has(content.elements[view.element[k]].symbol) && !off.has(`layer ${content.layers[view.layer[k]] ?? ""}`));
  }

  fill() {
    const { gl, viewer, view, snapshot } = this;
    this.shown = this.visible();
    if (!gl) return;
    const numbers = new Float32Array(7 * this.shown.length);
    this.shown.forEach((k, place) => {
      const element = viewer.content.elements[view.element[k]];
      numbers.set(snapshot.places.subarray(3 * k, 3 * k + 3), 7 * place);
      numbers[7 * place + 3] = element.radius;
      numbers.set(element.rgb, 7 * place + 4);
    });
    gl.bindBuffer(gl.ARRAY_BUFFER, this.atoms);
    gl.bufferData(gl.ARRAY_BUFFER, numbers, gl.DYNAMIC_DRAW);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.lines);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(this.edgePoints.flat()), gl.DYNAMIC_DRAW);
  }

  resize() {
    const ratio = window.devicePixelRatio || 1, box = this.canvas.getBoundingClientRect();
    this.canvas.width = Math.max(1, Math.round(box.width * ratio));
    this.canvas.height = Math.max(1, Math.round(box.height * ratio));
    this.fill();
    this.draw();
  }

  // Pixels per angstrom: the cell as first seen fits.
  perAngstrom() {
    const extent = [0, 1].map(axis => 2 * Math.max(...this.edgePoints.map(point =>
      Math.abs(turned(FIRST_TURN, point.map((value, k) => value - this.middle[k]))[axis]))) + 3);
    return this.viewer.zoom * Math.min(this.canvas.width / extent[0], this.canvas.height / extent[1]);
  }

  draw() {
    const { gl, viewer, middle } = this;
    if (!gl || !this.snapshot) return;
    const scale = this.perAngstrom(), far = 1 + Math.max(...this.edgePoints.map(point => Math.hypot(...point.map((value, k) => value - middle[k]))));
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(1, 1, 1, 1);
    gl.enable(gl.DEPTH_TEST);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const use = ({ made, uniforms }) => {
      gl.useProgram(made);
      gl.uniformMatrix3fv(uniforms.turn, true, viewer.turn);
      gl.uniform3fv(uniforms.middle, middle);
      gl.uniform2f(uniforms.scale, 2 * scale / this.canvas.width, 2 * scale / this.canvas.height);
      gl.uniform1f(uniforms.depth, 0.5 / far);
      return name => gl.getAttribLocation(made, name);
    };
    const attribute = (place, size, stride, offset, divisor) => {
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, size, gl.FLOAT, false, stride, offset);
      gl.vertexAttribDivisor(place, divisor);
    };
    // The two programs number their attributes alike or not: each draws with its own on alone.
    const off = places => places.forEach(place => { gl.vertexAttribDivisor(place, 0); gl.disableVertexAttribArray(place); });
    const ofSphere = use(this.spheres);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.corners);
    attribute(ofSphere("corner"), 2, 0, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.atoms);
    attribute(ofSphere("center"), 3, 28, 0, 1);
    attribute(ofSphere("radius"), 1, 28, 12, 1);
    attribute(ofSphere("color"), 3, 28, 16, 1);
    if (this.shown.length) gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, this.shown.length);
    off(["corner", "center", "radius", "color"].map(ofSphere));
    const ofEdge = use(this.edges);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.lines);
    attribute(ofEdge("center"), 3, 0, 0, 0);
    gl.drawArrays(gl.LINES, 0, this.edgePoints.length);
    off([ofEdge("center")]);
  }

  // The atom in front at a place of the canvas.
  atomAt(event) {
    const box = this.canvas.getBoundingClientRect(), ratio = this.canvas.width / box.width, scale = this.perAngstrom();
    const px = ((event.clientX - box.left) * ratio - this.canvas.width / 2) / scale;
    const py = (this.canvas.height / 2 - (event.clientY - box.top) * ratio) / scale;
    let best = null;
    for (const k of this.shown) {
      const place = this.snapshot.places.subarray(3 * k, 3 * k + 3);
      const [x, y, z] = turned(this.viewer.turn, [...place].map((value, axis) => value - this.middle[axis]));
      const { radius, symbol } = this.viewer.content.elements[this.view.element[k]];
      const square = radius * radius - (x - px) ** 2 - (y - py) ** 2;
      if (square >= 0 && (best === null || z + Math.sqrt(square) > best.near)) best = { near: z + Math.sqrt(square), k, symbol, place };
    }
    if (best === null) return "";
    const layer = this.viewer.content.layers[this.view.layer[best.k]];
    const place = [...best.place].map(value => value.toFixed(2)).join(", ");
    return `${best.symbol} ${best.k + 1}${layer ? `, ${layer}` : ""}, at ${place} Å`;
  }

  listen() {
    const { canvas, viewer } = this, fingers = new Map();
    canvas.addEventListener("pointerdown", event => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
    });
    canvas.addEventListener("pointermove", event => {
      const before = fingers.get(event.pointerId);
      if (!before) return viewer.say(this.snapshot ? this.atomAt(event) : "");
      const now = [event.clientX, event.clientY];
      if (fingers.size === 2) {
        const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
        const apart = place => Math.hypot(place[0] - other[0], place[1] - other[1]);
        viewer.zoomBy(apart(now) / Math.max(1, apart(before)));
      } else {
        viewer.turnBy((now[0] - before[0]) / 120, (now[1] - before[1]) / 120);
      }
      fingers.set(event.pointerId, now);
      return undefined;
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, event => fingers.delete(event.pointerId));
    // A page that is scrolled past must not stop here: the wheel zooms once the canvas was clicked, a pinch always.
    canvas.addEventListener("wheel", event => {
      if (document.activeElement !== canvas && !event.ctrlKey) return;
      event.preventDefault();
      viewer.zoomBy(Math.exp(-event.deltaY / 400));
    }, { passive: false });
    canvas.addEventListener("keydown", event => {
      const turns = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] };
      if (event.key in turns) viewer.turnBy(...turns[event.key]);
      else if (event.key === "+" || event.key === "=") viewer.zoomBy(1.2);
      else if (event.key === "-") viewer.zoomBy(1 / 1.2);
      else if (event.key === "0") viewer.reset();
      else return;
      event.preventDefault();
    });
  }
}

// The structures of one section: one is shown, its snapshots beside each other and turned together.
class Viewer {
  constructor(holder, content) {
    this.content = content;
    this.off = new Set();
    this.turn = [...FIRST_TURN];
    this.zoom = 1;
    for (const element of content.elements) {
      element.rgb = [1, 3, 5].map(k => Number.parseInt(element.color.slice(k, k + 2), 16) / 255);
    }
    const most = Math.max(...content.views.map(view => view.snapshots.length));
    this.screens = Array.from({ length: most }, () => new Screen(this));
    this.isAble = this.screens.every(screen => screen.gl);
    if (!this.isAble) return;
    this.said = page.make("p", { class: "viewer-said", "aria-live": "polite" });
    holder.append(this.bar(), this.legend("elements", content.elements.map(({ symbol, color }) => [symbol, symbol, color])),
      ...(content.layers.length > 1 ? [this.legend("layers", content.layers.map(name => [`layer ${name}`, name, null]))] : []),
      ...this.screens.map(screen => screen.element), this.said);
    holder.hidden = false;
    this.choose(0);
    const sizes = new ResizeObserver(() => this.screens.forEach(screen => screen.snapshot && screen.resize()));
    this.screens.forEach(screen => sizes.observe(screen.canvas));
    this.say("");
  }

  bar() {
    const bar = page.make("div", { class: "viewer-bar" });
    const { views } = this.content;
    if (views.length > 1) {
      const select = page.make("select", { "aria-label": "structure" }, ...views.map((view, k) => page.make("option", { value: k }, view.title)));
      select.addEventListener("change", () => this.choose(Number(select.value)));
      bar.append(select);
    } else {
      bar.append(page.make("b", {}, views[0].title));
    }
    const add = (name, act) => {
      const button = page.make("button", { type: "button" }, name);
      button.addEventListener("click", act);
      bar.append(button);
    };
    for (const [name, turn] of Object.entries(VIEWS)) add(name, () => { this.turn = [...turn]; this.drawAll(); });
    add("reset", () => this.reset());
    add("save as PNG", () => this.screens.filter(screen => !screen.element.hidden).forEach(screen =>
      screen.canvas.toBlob(blob => page.take(`${screen.view.title}-${screen.snapshot.title}.png`.replaceAll(/[^\w.-]+/g, "-"), blob))));
    return bar;
  }

  legend(name, entries) {
    const bar = page.make("div", { class: "legend", role: "group", "aria-label": name }, name);
    for (const [key, label, color] of entries) {
      const button = page.legendButton(label, color ?? "transparent", color ? "dot" : "", shown => {
        if (shown) this.off.delete(key);
        else this.off.add(key);
        this.screens.forEach(screen => { screen.fill(); screen.draw(); });
      });
      if (!color) button.querySelector("i").remove();
      bar.append(button);
    }
    return bar;
  }

  choose(number) {
    const view = this.content.views[number];
    if (!view.isRead) this.read(view);
    this.screens.forEach((screen, k) => {
      screen.element.hidden = k >= view.snapshots.length;
      if (!screen.element.hidden) screen.show(view, view.snapshots[k]);
    });
  }

  read(view) {
    const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    view.element = bytes(view.element);
    view.layer = bytes(view.layer);
    for (const snapshot of view.snapshots) {
      const steps = new DataView(bytes(snapshot.positions).buffer);
      snapshot.places = Float32Array.from({ length: steps.byteLength / 2 }, (_, k) =>
        snapshot.low[k % 3] + snapshot.step[k % 3] * steps.getUint16(2 * k, true));
    }
    view.isRead = true;
  }

  say(text) {
    if (this.said) this.said.textContent = text || "Drag to turn; click, then the wheel (or two fingers) to zoom; point at an atom to name it.";
  }

  turnBy(sideways, down) {
    this.turn = multiply(turnAbout("x", down), multiply(turnAbout("y", sideways), this.turn));
    this.drawAll();
  }

  zoomBy(factor) {
    this.zoom = Math.min(20, Math.max(0.3, this.zoom * factor));
    this.drawAll();
  }

  reset() {
    this.turn = [...FIRST_TURN];
    this.zoom = 1;
    this.drawAll();
  }

  drawAll() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.screens.forEach(screen => screen.draw());
    });
  }
}

{
  const viewers = [...document.querySelectorAll(".viewer")].map(async holder => {
    const content = JSON.parse(await page.unpack(holder.querySelector(".packed")));
    return new Viewer(holder, content);
  });
  page.viewers = Promise.all(viewers);
}
