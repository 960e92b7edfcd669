// What the pages share: elements, figures for people, tables, charts. No page writes HTML: texts are nodes.
"use strict";

const page = (() => {
  // el("td", {class: "number"}, "text", child...). A value of null leaves an attribute out.
  function el(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value !== null && value !== undefined) node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  }

  const byId = (id) => document.getElementById(id);
  const none = "–";

  // 999, 1.2K, 35M, as xtcp2 top shows them.
  function scaled(value) {
    const units = ["", "K", "M", "G", "T", "P", "E"];
    let unit = 0;
    while (value >= 999.5 && unit < units.length - 1) {
      value /= 1000;
      unit++;
    }
    return value.toFixed(value < 9.95 && unit ? 1 : 0) + units[unit];
  }

  const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
  const format = {
    text: (v) => (v === null || v === undefined || v === "" ? none : String(v)),
    count: (v) => (isNumber(v) ? v.toLocaleString("en-US").replaceAll(",", "\u202f") : none),
    bytes: (v) => (isNumber(v) ? scaled(v) : none),
    per_second: (v) => (isNumber(v) ? (v > 0 && v < 9.95 ? v.toFixed(1) : scaled(v)) : none),
    percent: (v) => (isNumber(v) ? v.toFixed(2) : none),
    ms_of_us: (v) => (isNumber(v) ? ms(v / 1000) : none),
    ms: (v) => (isNumber(v) ? ms(v) : none),
  };
  function ms(v) {
    return v.toFixed(v < 9.995 ? 2 : v < 99.95 ? 1 : 0);
  }

  const isText = (column) => (column.format || format.text) === format.text;

  /*
   * Fill a table. columns: {name, title, format, wide (not on a phone), wrap, sort: function}; rows: objects. A cell
   * holds the value as it came in data-value. order: the name of the column that the rows are sorted by.
   */
  function fillTable(table, columns, rows, order) {
    const head = el("tr");
    for (const c of columns) {
      const label = c.sort ? el("button", { type: "button", onclick: c.sort, title: "sort by " + c.title, "data-sort": c.name }, c.title) : c.title;
      head.append(
        el("th", { scope: "col", class: classOf(c), "aria-sort": order === c.name ? "descending" : null }, label)
      );
    }
    const focused = document.activeElement && table.contains(document.activeElement) ? document.activeElement.dataset.sort : null;
    const body = el("tbody");
    for (const row of rows) {
      const line = el("tr");
      for (const c of columns) {
        const value = row[c.name];
        line.append(el("td", { class: classOf(c), "data-value": value ?? "", "data-name": c.name }, (c.format || format.text)(value)));
      }
      body.append(line);
    }
    table.tHead?.remove();
    for (const old of [...table.tBodies]) old.remove();
    table.append(el("thead", {}, head), body);
    // A table that is filled anew leaves the keyboard where it was.
    if (focused) table.querySelector(`button[data-sort="${CSS.escape(focused)}"]`)?.focus();
  }

  function classOf(c) {
    return [isText(c) ? "" : "number", c.wide ? "wide" : "", c.wrap ? "wrap" : ""].join(" ").trim() || null;
  }

  // The time of a point, as exact as the span of the chart (ms) makes sense of.
  function clock(seconds, span) {
    const two = (n) => String(n).padStart(2, "0");
    const t = new Date(seconds * 1000);
    const time = `${two(t.getHours())}:${two(t.getMinutes())}`;
    if (span < 1200e3) return `${time}:${two(t.getSeconds())}`;
    return span < 86400e3 ? time : `${two(t.getMonth() + 1)}-${two(t.getDate())} ${time}`;
  }

  // Steps of a y axis: 1, 2 and 5 times a power of ten, so that a label with two decimals says the value of its line.
  const steps = Array.from({ length: 20 }, (_, i) => [1, 2, 5].map((n) => Number(`${n}e${i - 2}`))).flat();

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const charts = new Set();

  /*
   * A chart of lines over time. data: {times: [ms], series: [{name, values}]}; options: {title, format}. Return a
   * function that takes new data. A screen reader gets the last values as the label of the chart.
   */
  function chart(box, options) {
    let plot = null, names = null, last = { times: [], series: [] };

    function build() {
      plot?.destroy();
      const span = last.times[last.times.length - 1] - last.times[0];
      const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 } };
      names = last.series.map((s) => s.name).join("\n");
      plot = new uPlot(
        {
          width: Math.max(box.clientWidth, 200),
          height: 220,
          padding: [null, 26, null, null],
          cursor: { points: { size: 7 } },
          hooks: { ready: [legend] },
          scales: { y: { range: (u, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
          legend: { markers: { fill: (u, i) => u.series[i].stroke(u, i) } },
          axes: [{ ...axis, space: 80, values: (u, values) => values.map((t) => clock(t, span)) }, { ...axis, size: 56, incrs: steps, values: (u, values) => values.map((v) => options.format(v)) }],
          series: [
            { label: "time", value: (u, v) => (v === null ? none : clock(v, span)) },
            ...last.series.map((s, i) => ({
              label: s.name,
              stroke: colour("series-" + (1 + (i % 8))),
              dash: i >= 8 ? [6, 4] : undefined,
              width: 2,
              spanGaps: false,
              points: { show: last.times.length < 3, size: 6 },
              value: (u, v) => options.format(v),
            })),
          ],
        },
        figures(),
        box
      );
    }

    // Without a pointer over the chart the legend has the last values.
    function legend(u) {
      if (!(u.cursor.left >= 0)) u.setLegend({ idx: last.times.length - 1 });
    }

    const figures = () => [last.times.map((t) => t / 1000), ...last.series.map((s) => s.values)];

    function label() {
      const now = last.series.map((s) => `${s.name} ${options.format(s.values[s.values.length - 1])}`);
      box.setAttribute("aria-label", `${options.title}; last: ${now.join(", ") || "nothing yet"}`);
    }

    const redraw = () => {
      if (plot) build();
    };
    charts.add(redraw);
    new ResizeObserver(() => {
      if (plot && box.clientWidth) plot.setSize({ width: Math.max(box.clientWidth, 200), height: 220 });
    }).observe(box);
    box.setAttribute("role", "img");
    label();

    return (data) => {
      last = data;
      label();
      if (!data.times.length) {
        plot?.destroy();
        plot = null;
        box.classList.add("empty");
        box.textContent = options.empty;
        return;
      }
      if (!plot) {
        box.classList.remove("empty");
        box.textContent = "";
      }
      const some = last.times.length < 4;
      if (!plot || some || names !== last.series.map((s) => s.name).join("\n")) build();
      else plot.setData(figures());
      legend(plot);
    };
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((redraw) => redraw()));

  // Call work() now and, while the page is seen, again after so many ms have passed since it ended.
  function every(delay, work) {
    let timer = 0;
    async function turn() {
      clearTimeout(timer);
      if (!document.hidden) {
        try {
          await work();
        } finally {
          clearTimeout(timer);
          timer = setTimeout(turn, delay);
        }
      }
    }
    document.addEventListener("visibilitychange", turn);
    turn();
    return turn;
  }

  // A value of this browser's tab, which is gone with it.
  const kept = {
    get: (key) => sessionStorage.getItem("xtcp2." + key) || "",
    set: (key, value) => sessionStorage.setItem("xtcp2." + key, value),
  };

  return { el, byId, format, fillTable, chart, every, kept, none };
})();
