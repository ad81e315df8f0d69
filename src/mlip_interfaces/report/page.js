"use strict";
// The page itself: what is packed in it, its contents, and bounds that the reader moves. Without a script all of it is there to read.

const page = {
  // Text of a packed element: base64 of deflated UTF-8.
  async unpack(element) {
    const bytes = Uint8Array.from(atob(element.textContent.trim()), letter => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).text();
  },

  make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  },

  // Offer content as a file, made here and now.
  take(name, content) {
    const link = page.make("a", { href: URL.createObjectURL(content), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  },

  // A button of a legend: pressed as long as what it names is shown.
  legendButton(name, color, className, onChange) {
    const swatch = page.make("i", { class: className });
    swatch.style.setProperty("--color", color);
    const button = page.make("button", { type: "button", "aria-pressed": "true" }, swatch, name);
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(shown));
      onChange(shown);
    });
    return button;
  },
};

{
  const contents = document.querySelector(".contents");
  const wide = window.matchMedia("(min-width: 1080px)");
  const fold = () => { contents.open = wide.matches; };
  fold();
  wide.addEventListener("change", fold);
  window.addEventListener("beforeprint", () => { contents.open = true; });
  window.addEventListener("afterprint", fold);
  contents.addEventListener("click", event => {
    if (event.target.closest("a") && !wide.matches) contents.open = false;
  });

  // The section that is being read: the last one whose heading has passed the top quarter of the window.
  const links = [...contents.querySelectorAll("a")].map(link => [link, document.getElementById(link.hash.slice(1))]);
  let waiting = false;
  const mark = () => {
    waiting = false;
    const passed = links.filter(([, heading]) => heading.getBoundingClientRect().top < window.innerHeight / 4);
    const current = passed.length ? passed[passed.length - 1][0] : links[0]?.[0];
    for (const [link] of links) {
      if (link === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  window.addEventListener("scroll", () => {
    if (!waiting) requestAnimationFrame(mark);
    waiting = true;
  }, { passive: true });
  mark();
}

document.querySelectorAll(".bounds input").forEach(input => input.addEventListener("input", () => {
  const row = input.closest("tr"), text = row.dataset.value, value = Number(text), bound = Number(input.value);
  const passes = text !== "" && input.value !== "" && (row.dataset.side === "at most" ? value <= bound : value >= bound);
  const verdict = row.querySelector(".good, .bad");
  verdict.className = passes ? "good" : "bad";
  verdict.textContent = passes ? "passes" : "fails";
}));
