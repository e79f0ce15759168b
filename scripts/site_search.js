"use strict";
(() => {
  const MOST = 20, AROUND = 70;
  const entries = JSON.parse(document.getElementById("search-index").textContent);
  const input = document.getElementById("find"), list = document.getElementById("results");
  const status = document.getElementById("found");
  const plain = text => text.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "");
  const index = entries.map(entry => ({ entry, heading: plain(entry[2] + " " + entry[1]),
                                        text: plain(entry[3]) }));

  // Beginnings of words: "prun" finds pruning, "rate" does not find "separate".
  const starts = word => new RegExp(
    "(?<![\\p{L}\\p{N}])" + word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gu");

  function search(words) {
    const patterns = words.map(starts), hits = [];
    for (const { entry, heading, text } of index) {
      let score = 0;
      for (const pattern of patterns) {
        const inHeading = (heading.match(pattern) || []).length;
        const inText = (text.match(pattern) || []).length;
        if (!inHeading && !inText) { score = 0; break; }
        score += 10 * Math.min(inHeading, 1) + Math.min(inText, 5);
      }
      if (score) hits.push({ entry, score });
    }
    return hits.sort((a, b) => b.score - a.score);
  }

  function marked(text, words) {
    const small = plain(text), line = document.createElement("p");
    const same = small.length === text.length;  // or the places would not be those of the text
    const first = same ? small.search(starts(words[0])) : 0;
    const from = first > AROUND ? text.indexOf(" ", first - AROUND) + 1 : 0, to = Math.max(0, first) + 2 * AROUND;
    const piece = text.slice(from, to), low = same ? small.slice(from, to) : "";
    const spans = words.flatMap(word => [...low.matchAll(starts(word))]
      .map(match => [match.index, match.index + word.length])).sort((a, b) => a[0] - b[0]);
    let end = 0;
    line.append(from ? "… " : "");
    for (const [start, stop] of spans) {
      if (start < end) continue;
      const mark = document.createElement("mark");
      mark.textContent = piece.slice(start, stop);
      line.append(piece.slice(end, start), mark);
      end = stop;
    }
    line.append(piece.slice(end), to < text.length ? " …" : "");
    return line;
  }

  function show() {
    const words = plain(input.value).split(/\s+/).filter(Boolean);
    const hits = words.join("").length > 1 ? search(words) : [];
    list.replaceChildren(...hits.slice(0, MOST).map(({ entry: [address, chapter, heading, text] }) => {
      const item = document.createElement("li"), link = document.createElement("a");
      link.href = address;
      link.textContent = heading ? chapter + " › " + heading : chapter;
      item.append(link, marked(text, words));
      return item;
    }));
    const places = hits.length === 1 ? "1 place" : hits.length + " places";
    status.textContent = words.join("").length < 2 ? ""
      : !hits.length ? "Nothing found."
      : places + (hits.length > MOST ? ", the best " + MOST + " shown" : "");
  }

  function move(event) {
    const stops = [input, ...list.querySelectorAll("a")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const now = stops.indexOf(document.activeElement);
    if (event.key === "Escape" && now >= 0) { input.value = ""; show(); input.focus(); }
    if (!step || now < 0) return;
    event.preventDefault();
    stops[Math.min(stops.length - 1, Math.max(0, now + step))].focus();
  }

  input.form.hidden = false;
  input.form.addEventListener("submit", event => {
    event.preventDefault();
    list.querySelector("a")?.click();
  });
  input.addEventListener("input", show);
  document.querySelector(".search").addEventListener("keydown", move);
  addEventListener("pageshow", show);
  if (location.hash === "#find") input.focus();
})();
