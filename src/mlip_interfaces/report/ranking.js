"use strict";
// The ranking: bounds that the reader moves, the order that follows from them alone, columns to sort by, filters.
// The order is that of `screening/priority.py`; a test holds the two against each other.
{
  const SHOWN = 30, FIRST = 5;
  const table = document.getElementById("pairs"), body = table.tBodies[0];
  const rules = [...document.querySelectorAll(".rules tbody tr")].map(row => ({
    name: row.dataset.name, title: row.dataset.title, side: row.dataset.side,
    counts: row.querySelector("[type=checkbox]"), bound: row.querySelector("[type=number]"),
  }));
  const pairs = [...body.rows].map(row => ({
    row, name: row.dataset.name, kind: row.dataset.kind, able: row.dataset.able === "1", values: JSON.parse(row.dataset.values),
  }));
  const titles = [...table.tHead.rows[0].cells].map(cell => cell.textContent);
  const filters = document.querySelector(".filters"), count = document.querySelector(".count"), more = document.querySelector(".more");
  const find = filters.querySelector(".find"), kind = filters.querySelector(".kind"), able = filters.querySelector(".able");
  let sortedBy = null, downwards = false, all = false;

  const passes = (rule, value) => {
    if (value === null || rule.bound.value === "") return null;
    const bound = Number(rule.bound.value);
    return rule.side === "at most" ? value <= bound : value >= bound;
  };

  // What a pair passes, fails and leaves open, by the criteria that count.
  const judge = pair => {
    pair.passed = []; pair.failed = []; pair.unknown = [];
    for (const rule of rules) {
      const verdict = passes(rule, pair.values[rule.name]);
      const cell = pair.row.querySelector(`[data-criterion="${rule.name}"]`);
      if (!rule.counts.checked) { cell.className = verdict === null ? "absent" : ""; continue; }
      (verdict === null ? pair.unknown : verdict ? pair.passed : pair.failed).push(rule.title);
      cell.className = verdict === null ? "absent" : verdict ? "good" : "bad";
    }
    const { largest_barrier_v: barrier, n_atoms: atoms } = pair.values;
    pair.place = [pair.able ? 0 : 1, -pair.passed.length, pair.unknown.length, barrier ?? Infinity, atoms ?? Infinity];
  };

  const byRule = (one, other) => {
    for (let k = 0; k < one.place.length; k += 1) {
      if (one.place[k] !== other.place[k]) return one.place[k] < other.place[k] ? -1 : 1;
    }
    return one.name < other.name ? -1 : one.name > other.name ? 1 : 0;
  };

  // Unknown values stay at the end, whichever way a column is sorted.
  const byColumn = (one, other) => {
    const [a, b] = [one, other].map(pair => {
      const cell = pair.row.cells[sortedBy];
      return cell.dataset.value ?? cell.textContent;
    });
    if (a === "" || b === "") return a === b ? one.rank - other.rank : a === "" ? 1 : -1;
    const numbers = [a, b].map(Number);
    const order = numbers.some(Number.isNaN) ? (a < b ? -1 : a > b ? 1 : 0) : numbers[0] - numbers[1];
    return order === 0 ? one.rank - other.rank : downwards ? -order : order;
  };

  const said = pair => [["passes", pair.passed], ["fails", pair.failed], ["unknown:", pair.unknown]]
    .filter(([, names]) => names.length).map(([word, names]) => `${word} ${names.join(", ")}`).join("; ");

  const answer = ranked => {
    const list = document.querySelector(".first");
    if (list === null) return;
    list.replaceChildren(...ranked.filter(pair => pair.able).slice(0, FIRST).map(pair => page.make(
      "li", {}, page.make("b", {}, pair.name.replaceAll("/", " | ")), " ", page.make("span", {}, said(pair)),
    )));
  };

  const show = () => {
    const words = find.value.toLowerCase().split(/[\s|/]+/).filter(Boolean);
    const shown = [...pairs].sort(sortedBy === null ? byRule : byColumn).filter(pair => {
      const solids = pair.name.toLowerCase().split("/");
      return (!able.checked || pair.able) && (kind.value === "" || kind.value === pair.kind)
        && words.every(word => solids.some(solid => solid.startsWith(word)));
    });
    const visible = all ? shown : shown.slice(0, SHOWN);
    body.replaceChildren(...visible.map(pair => pair.row));
    count.textContent = `${visible.length} of ${shown.length} pairs shown, of ${pairs.length} in all.`;
    more.hidden = visible.length === shown.length;
    more.firstElementChild.textContent = `show all ${shown.length}`;
    [...table.tHead.rows[0].cells].forEach((cell, k) => {
      if (k === sortedBy) cell.setAttribute("aria-sort", downwards ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
  };

  const rank = () => {
    pairs.forEach(judge);
    const ranked = [...pairs].sort(byRule);
    const [place, criteria] = [titles.indexOf("rank"), titles.indexOf("criteria")];
    ranked.forEach((pair, k) => {
      pair.rank = k + 1;
      pair.row.cells[place].textContent = String(pair.rank);
      pair.row.cells[criteria].textContent = `${pair.passed.length} pass, ${pair.failed.length} fail, ${pair.unknown.length} unknown`;
      pair.row.cells[criteria].dataset.value = String(pair.passed.length);
    });
    answer(ranked);
    show();
  };

  [...table.tHead.rows[0].cells].forEach((cell, k) => {
    const button = page.make("button", { type: "button" }, titles[k]);
    button.addEventListener("click", () => {
      downwards = sortedBy === k && !downwards;
      sortedBy = k;
      show();
    });
    cell.replaceChildren(button);
  });
  filters.querySelector(".by-rule").addEventListener("click", () => { sortedBy = null; show(); });
  for (const control of [find, kind, able]) control.addEventListener("input", show);
  for (const rule of rules) for (const control of [rule.counts, rule.bound]) control.addEventListener("input", rank);
  more.firstElementChild.addEventListener("click", () => { all = true; show(); });
  filters.hidden = count.hidden = false;
  rank();
}
