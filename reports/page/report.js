(() => {
  const form = document.querySelector(".filters");
  if (!form) return;
  const $ = (id) => document.getElementById(id);
  const rows = [...document.querySelectorAll(".r")];
  const groups = [...document.querySelectorAll(".group")];
  const words = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const picked = (name) => [...form.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value);

  function apply() {
    const verdicts = picked("v"), levels = picked("l"), area = $("a").value;
    const terms = $("q").value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const show = (!verdicts.length || verdicts.includes(row.querySelector("b").className)) &&
        (!levels.length || levels.includes(row.querySelector("small").textContent)) &&
        (!area || row.dataset.a === area) && terms.every((term) => words.get(row).includes(term));
      row.hidden = !show;
      count += show;
    }
    for (const group of groups) group.hidden = !group.querySelector(".r:not([hidden])");
    $("shown").textContent = `${count} of ${rows.length} shown`;
    document.querySelector("#list > .none").hidden = count > 0;
    const allOpen = rows.every((row) => row.hidden || row.open);
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
    const row = hash && !hash.includes("=") && $(hash);
    const state = new URLSearchParams(hash.includes("=") ? location.hash.slice(1) : "");
    for (const box of form.querySelectorAll("[type=checkbox]"))
      box.checked = (state.get(box.name) || "").split(",").includes(box.value);
    $("a").value = state.get("a") || "";
    $("q").value = state.get("q") || "";
    apply();
    if (row && row.matches(".r")) { row.open = true; row.scrollIntoView(); }
  }

  form.hidden = false;
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  $("clear").addEventListener("click", () => { form.reset(); changed(); $("q").focus(); });
  $("open").addEventListener("click", () => {
    const open = $("open").textContent === "Open all";
    for (const row of rows) if (!row.hidden) row.open = open;
    apply();
  });
  addEventListener("hashchange", fromAddress);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !/INPUT|SELECT/.test(event.target.tagName)) { event.preventDefault(); $("q").focus(); }
  });
  for (const block of document.querySelectorAll(".cmd")) {
    const command = block.textContent;
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Copy" });
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(command); button.textContent = "Copied"; }
      catch { getSelection().setBaseAndExtent(block.firstChild, 0, block.firstChild, command.length); }
    });
    block.append(button);
  }
  // On paper: the evidence of what needs a look, and why what was not judged was not; of all others the line.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll(".why:not([open]), .r:not([open]):has(article)")];
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
  fromAddress();
})();
