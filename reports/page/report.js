(async () => {
  const form = document.querySelector(".filters");
  if (!form) return;
  const $ = (id) => document.getElementById(id);

  // An element with these properties and children; texts are only ever texts.
  function make(tag, set, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(set || {})) {
      if (name in element && name !== "list") element[name] = value; else element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== "" && child != null));
    return element;
  }

  const bytes = Uint8Array.from(atob($("data").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const data = JSON.parse(await new Response(stream).text());

  const troubling = new Set(["harness-error", "fail", "unexpected-pass", "warn", "raced"]);
  const rows = data.requirements.map((said) => ({ said, element: line(said) }));
  const groups = [];

  function line(r) {
    const element = make("details", { className: "r", id: r.id });
    element.dataset.a = r.area;
    element.append(make("summary", {},
      make("b", { className: r.verdict }, data.labels[r.verdict]), make("code", {}, r.id), make("small", {}, r.level),
      make("span", {}, r.text || "(no sentence in the record)")));
    element.addEventListener("toggle", () => fill(element, r));
    return element;
  }

  // What stands behind a row is made when it is first opened.
  function fill(element, r) {
    if (element.children.length > 1) return;
    const body = make("div", {});
    const link = make("p", { className: "src" }, make("a", { href: "#" + encodeURIComponent(r.id) }, "Link to this row"));
    for (const [name, text, place] of r.facts)
      link.append(make("br"), "Source: ", make("span", { title: place }, name), ` — ${text} `, make("small", {}, place));
    if (!r.facts.length && r.source) link.append(make("br"), "Source: " + r.source);
    body.append(link, ...r.details.map(check));
    if (r.rest.length)
      body.append(make("ul", { className: "rest" }, ...r.rest.map(([verdict, name, gist]) =>
        make("li", {}, make("b", {}, verdict), " " + name + (gist ? ": " + gist : "")))));
    if (r.passed) body.append(make("p", { className: "ok" }, "Passed: " + r.passed));
    element.append(body);
  }

  function check(c) {
    const article = make("article", {}, make("h3", {}, `${c.label}: ${c.case}`, c.attempt > 1 ? make("small", {}, ` attempt ${c.attempt}`) : ""));
    if (c.message) article.append(make("p", { className: "msg" }, c.message));
    if (c.reason) article.append(make("p", {}, c.reason));
    if (c.diff.length) {
      article.append(make("h4", {}, "Expected and actual", ...(c.pointer ? [" at ", make("code", {}, c.pointer)] : [])));
      article.append(make("pre", { className: "diff", tabIndex: 0, role: "group", "aria-label": "Difference: minus is expected, plus is actual" },
        ...c.diff.map(([sign, text]) => make("span", { className: { "-": "del", "+": "ins" }[sign] || "same" }, `${sign} ${text}\n`))));
    } else if (c.pairs.length) {
      article.append(make("dl", { className: "pair" }, ...c.pairs.map(([name, value]) =>
        make("div", {}, make("dt", {}, name), make("dd", {}, make("code", {}, value))))));
    }
    for (const [title, text] of c.said)
      article.append(make("h4", {}, title), make("pre", { tabIndex: 0, role: "group", "aria-label": title }, text));
    if (c.left_out) article.append(make("p", { className: "src" }, `${c.left_out} more exchange${c.left_out > 1 ? "s" : ""} in the record.`));
    for (const [title, text] of c.commands) article.append(make("h4", {}, title), command(title, text));
    return article;
  }

  function command(title, text) {
    const button = make("button", { type: "button" }, "Copy");
    const block = make("pre", { className: "cmd", tabIndex: 0, role: "group", "aria-label": title }, text, button);
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; }
      catch { getSelection().setBaseAndExtent(block.firstChild, 0, block.firstChild, text.length); }
    });
    return block;
  }

  // What needs a look stands first, the others by area.
  function group(title, note, mine) {
    const element = make("section", { className: "group" }, make("h2", {}, title + " ", make("small", {}, note)), ...mine.map((row) => row.element));
    groups.push(element);
    return element;
  }
  const looked = rows.filter((row) => troubling.has(row.said.verdict));
  const others = rows.filter((row) => !troubling.has(row.said.verdict));
  const sections = looked.length ? [group("To look at", looked.length, looked)] : [];
  for (const area of [...new Set(others.map((row) => row.said.area))].sort()) {
    const mine = others.filter((row) => row.said.area === area);
    sections.push(group(area, `${mine.filter((row) => row.said.verdict === "pass").length} of ${mine.length} passed`, mine));
  }
  $("list").prepend(...sections);
  const ordered = [...looked, ...groups.slice(looked.length ? 1 : 0).flatMap((g) => rows.filter((row) => row.element.parentElement === g))];

  const words = (r) => [r.id, r.level, r.area, data.labels[r.verdict], r.text, r.source, r.message, r.reason, r.passed, ...r.facts.flat(),
    ...r.rest.flat(), ...r.details.flatMap((d) => [d.case, d.message, d.reason, ...d.said.flat()])].join("\n").toLowerCase();
  const picked = (name) => [...form.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value);

  function apply() {
    const verdicts = picked("v"), levels = picked("l"), area = $("a").value;
    const terms = $("q").value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      if (terms.length) row.words ??= words(row.said);
      const show = (!verdicts.length || verdicts.includes(row.said.verdict)) && (!levels.length || levels.includes(row.said.level)) &&
        (!area || row.said.area === area) && terms.every((term) => row.words.includes(term));
      row.element.hidden = !show;
      count += show;
    }
    for (const one of groups) one.hidden = !one.querySelector(".r:not([hidden])");
    $("shown").textContent = `${count} of ${rows.length} shown`;
    document.querySelector("#list > .none").hidden = count > 0;
    const allOpen = rows.every((row) => row.element.hidden || row.element.open);
    $("open").textContent = count && allOpen ? "Close all" : "Open all";
    return { v: verdicts.join(), l: levels.join(), a: area, q: $("q").value };
  }

  // The filters stand in the address, so that a view can be sent to somebody.
  function changed() {
    const state = Object.entries(apply()).filter(([, value]) => value);
    const hash = new URLSearchParams(state).toString();
    try { history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search); } catch { /* no history */ }
  }

  function fromAddress() {
    const hash = decodeURIComponent(location.hash.slice(1));
    const row = hash && !hash.includes("=") && rows.find((one) => one.said.id === hash);
    const state = new URLSearchParams(hash.includes("=") ? location.hash.slice(1) : "");
    for (const box of form.querySelectorAll("[type=checkbox]"))
      box.checked = (state.get(box.name) || "").split(",").includes(box.value);
    $("a").value = state.get("a") || "";
    $("q").value = state.get("q") || "";
    apply();
    if (row) show(row);
  }

  function show(row) {
    fill(row.element, row.said);
    row.element.open = true;
    // below the filters, which stay where they are
    const over = getComputedStyle(form).position === "sticky" ? form.offsetHeight : 0;
    row.element.style.scrollMarginTop = `${over + 8}px`;
    row.element.scrollIntoView();
  }

  // j and k: the next row and the one before.
  function step(by) {
    const seen = ordered.filter((row) => !row.element.hidden);
    const at = seen.findIndex((row) => row.element.contains(document.activeElement));
    const next = seen[at < 0 ? 0 : Math.min(Math.max(at + by, 0), seen.length - 1)];
    if (next) next.element.firstElementChild.focus();
  }

  form.hidden = false;
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  $("clear").addEventListener("click", () => { form.reset(); changed(); $("q").focus(); });
  $("open").addEventListener("click", () => {
    const open = $("open").textContent === "Open all";
    for (const row of rows) if (!row.element.hidden) { if (open) fill(row.element, row.said); row.element.open = open; }
    apply();
  });
  addEventListener("hashchange", fromAddress);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) return;
    if (event.key === "/") { event.preventDefault(); $("q").focus(); }
    if (event.key === "j") step(1);
    if (event.key === "k") step(-1);
  });
  // On paper: the evidence of what needs a look, and why what was not judged was not; of all others the line.
  let closed = [];
  addEventListener("beforeprint", () => {
    for (const row of looked) if (row.said.details.length) fill(row.element, row.said);
    closed = [...document.querySelectorAll(".why:not([open]), .r:not([open]):has(article)")];
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
  fromAddress();
  document.documentElement.dataset.ready = Math.round(performance.now());
})();
