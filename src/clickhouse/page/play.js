// A page for queries: a result as a table, the history, the tables there are.
"use strict";

(() => {
  const { byId, el, fillTable } = page;
  const ROWS_MAX = 1000;
  const TEXT_MAX = 1 << 20;
  const HISTORY_MAX = 50;
  const HISTORY_KEY = "xtcp2.queries";
  const ROWS_FORMAT = "JSONCompactEachRowWithNamesAndTypes";

  // Views that have parameters.
  const arguments_ = {
    sockets_at: "(at = now() - INTERVAL 1 HOUR)",
    snapshots: "(since = now() - INTERVAL 10 MINUTE, until = now())",
  };

  let asking = null; // AbortController of the query that runs

  // History

  function history() {
    try {
      const list = JSON.parse(localStorage.getItem(HISTORY_KEY) || "[]");
      return Array.isArray(list) ? list.filter((q) => typeof q === "string") : [];
    } catch {
      return [];
    }
  }

  function remember(query) {
    const list = [query, ...history().filter((q) => q !== query)].slice(0, HISTORY_MAX);
    localStorage.setItem(HISTORY_KEY, JSON.stringify(list));
    showHistory();
  }

  function showHistory() {
    byId("history").replaceChildren(...history().map((q) => el("li", {}, el("button", { type: "button", onclick: () => edit(q) }, q))));
  }

  function edit(query) {
    byId("query").value = query;
    byId("query").focus();
  }

  // Results

  // Call take(line) for each line of the body until it returns false, which ends the query.
  async function eachLine(answer, take) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      rest += value ?? "";
      const parts = rest.split("\n");
      rest = parts.pop();
      for (const line of parts) {
        if (line && !take(line)) {
          await reader.cancel();
          return;
        }
      }
      if (done) break;
    }
    if (rest) take(rest);
  }

  const isNumber = (type) => /^(Nullable\()?(U?Int|Float|Decimal)/.test(type);
  const shownValue = (v) => (v === null ? "NULL" : typeof v === "object" ? JSON.stringify(v) : String(v));

  async function readRows(answer) {
    let names = null, types = null, more = false;
    const rows = [];
    await eachLine(answer, (line) => {
      let row;
      try {
        row = JSON.parse(line);
      } catch {
        // The exception of a query that failed on its way.
        throw new Error(line);
      }
      if (!names) names = row;
      else if (!types) types = row;
      else if (rows.length === ROWS_MAX) more = true;
      else rows.push(row);
      return !more;
    });
    return { names: names ?? [], types: types ?? [], rows, more };
  }

  function showRows({ names, types, rows, more }) {
    // Two columns may have one name: cells go by their place.
    const columns = names.map((name, i) => ({ name: String(i), title: name, format: isNumber(types[i]) ? (v) => shownValue(v) : undefined }));
    const cells = rows.map((row) => Object.fromEntries(row.map((v, i) => [String(i), isNumber(types[i]) ? v : shownValue(v)])));
    fillTable(byId("rows"), columns, cells, null);
    byId("rows").hidden = false;
    byId("text").hidden = true;
    return `${rows.length} rows${more ? ", and more that are not shown" : ""}`;
  }

  async function showText(answer) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "", over = false;
    while (!over && text.length < TEXT_MAX) {
      const { value, done } = await reader.read();
      text += value ?? "";
      over = done;
    }
    if (!over) await reader.cancel();
    byId("text").textContent = text.slice(0, TEXT_MAX);
    byId("text").hidden = false;
    byId("rows").hidden = true;
    return over ? "" : "the beginning of the text";
  }

  async function run() {
    const query = byId("query").value.trim();
    if (!query || asking) return;
    const begin = performance.now();
    asking = new AbortController();
    busy(true);
    try {
      const answer = await sql.send(query, { format: ROWS_FORMAT, signal: asking.signal });
      const known = answer.headers.get("X-ClickHouse-Format");
      const what = known === ROWS_FORMAT ? showRows(await readRows(answer)) : await showText(answer);
      byId("result").hidden = false;
      byId("status").textContent = [what, `${Math.round(performance.now() - begin)} ms`].filter((s) => s).join(", ");
      sql.showTrouble(null);
      remember(query);
    } catch (error) {
      byId("result").hidden = true;
      byId("status").textContent = error.name === "AbortError" ? "stopped" : "";
      sql.showTrouble(error);
    } finally {
      asking = null;
      busy(false);
    }
  }

  function busy(on) {
    byId("run").disabled = on;
    byId("stop").hidden = !on;
    if (on) byId("status").textContent = "asking …";
  }

  async function begin() {
    try {
      const tables = await sql.rows("SELECT name, comment FROM system.tables WHERE database = 'xtcp' ORDER BY engine != 'View', name", {});
      const take = (name) => edit(`SELECT * FROM xtcp.${name}${arguments_[name] ?? ""} LIMIT 100`);
      byId("tables").replaceChildren(...tables.map((t) => el("li", {}, el("button", { type: "button", onclick: () => take(t.name) }, t.name))));
      sql.showTrouble(null);
    } catch (error) {
      sql.showTrouble(error);
    }
  }

  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  byId("query").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run();
    }
  });
  byId("stop").addEventListener("click", () => asking?.abort());
  byId("forget").addEventListener("click", () => {
    localStorage.removeItem(HISTORY_KEY);
    showHistory();
  });
  sql.signIn(begin);
  showHistory();
  begin();
})();
