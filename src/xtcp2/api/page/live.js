// The live page: asks /page/data every two seconds for what is new.
"use strict";

(() => {
  const { byId, format, fillTable, chart, every, kept } = page;
  const ASK_MS = 2000;
  const POINTS_MAX = 300; // as many as the daemon keeps
  const LINES_MAX = 8;

  const state = { run: null, poll: 0, order: "send_rate", times: [], groups: new Map() };

  const sorted = (name) => () => {
    state.order = name;
    again();
  };
  const socketColumns = [
    { name: "state", title: "State", wide: true },
    { name: "owner", title: "Owner" },
    { name: "container", title: "Container", wide: true },
    { name: "netns", title: "Namespace", wide: true },
    { name: "local", title: "Local", wide: true },
    { name: "remote", title: "Remote" },
    { name: "send_rate", title: "Send B/s", format: format.per_second, sort: sorted("send_rate") },
    { name: "recv_rate", title: "Recv B/s", format: format.per_second, wide: true, sort: sorted("recv_rate") },
    { name: "rtt", title: "RTT ms", format: format.ms_of_us, sort: sorted("rtt") },
    { name: "retrans_rate", title: "Retr/s", format: format.per_second, sort: sorted("retrans_rate") },
    { name: "retrans", title: "Retr", format: format.bytes, wide: true },
    { name: "retrans_pct", title: "Retr %", format: format.percent, wide: true },
    { name: "sendq", title: "Send queue", format: format.bytes, wide: true, sort: sorted("sendq") },
    { name: "recvq", title: "Recv queue", format: format.bytes, wide: true },
    { name: "cwnd", title: "Cwnd", format: format.count, wide: true },
    { name: "cc", title: "CC", wide: true },
  ];
  // Columns that no row has are left out.
  const optional = new Set(["owner", "container"]);
  const groupColumns = [
    { name: "shown", title: "" },
    { name: "sockets", title: "Sockets", format: format.count },
    { name: "connected", title: "Established", format: format.count, wide: true },
    { name: "rtt_us", title: "RTT ms, mean", format: format.ms_of_us },
    { name: "send_rate", title: "Send B/s", format: format.per_second },
    { name: "recv_rate", title: "Recv B/s", format: format.per_second, wide: true },
    { name: "retrans_rate", title: "Retr/s", format: format.per_second },
    { name: "retrans_pct", title: "Retr %", format: format.percent, wide: true },
  ];

  const drawRtt = chart(byId("rtt"), { title: "Round-trip time in ms", format: format.ms_of_us, empty: "waiting for a poll" });
  const drawRetrans = chart(byId("retrans"), { title: "Retransmitted segments per second", format: format.per_second, empty: "waiting for two polls" });

  function text(id, value) {
    byId(id).textContent = value;
  }

  function showDaemon(data) {
    const d = data.daemon;
    text("host", "on " + d.hostname);
    document.title = `xtcp2 on ${d.hostname}`;
    const ready = byId("ready");
    ready.textContent = d.ready ? "ready" : "not ready";
    ready.className = "pill " + (d.ready ? "good" : "bad");
    text("poll", `poll ${format.count(data.poll)}, every ${d.frequency_ms / 1000} s`);
    text("why", d.why);
    byId("why").hidden = !d.why;
    text("destination", d.destination);
    text("source", d.source);
    for (const name of ["records", "sent", "lost", "namespaces"]) {
      text(name, format.count(d[name]));
      byId(name).dataset.value = d[name];
    }
    byId("lost").className = d.lost ? "bad" : "";
    text("duration", `${format.ms(d.poll_ns / 1e6)} ms`);
    text("memory", `${(d.resident_bytes / 1048576).toFixed(1)} MiB`);
    text("version", "xtcp2 " + d.version);
  }

  function showRefusal(data) {
    byId("refused").hidden = !data.refused;
    byId("shown").hidden = !!data.refused;
    if (!data.refused) return;
    text("refusal", data.refused[0].toUpperCase() + data.refused.slice(1) + ".");
    byId("token-form").hidden = !data.token;
  }

  function addPoints(data) {
    state.times.push(...data.times);
    const there = new Set();
    for (const n of data.groups) {
      there.add(n.name);
      let s = state.groups.get(n.name);
      if (!s) {
        const before = state.times.length - data.times.length;
        s = { rtt: Array(before).fill(null), retrans: Array(before).fill(null) };
        state.groups.set(n.name, s);
      }
      s.rtt.push(...n.rtt_series);
      s.retrans.push(...n.retrans_series);
    }
    for (const [name, s] of state.groups) {
      if (!there.has(name)) for (const list of [s.rtt, s.retrans]) list.push(...Array(data.times.length).fill(null));
      const extra = state.times.length - POINTS_MAX;
      if (extra > 0) for (const list of [s.rtt, s.retrans]) list.splice(0, extra);
      if (s.rtt.every((v) => v === null) && s.retrans.every((v) => v === null)) state.groups.delete(name);
    }
    if (state.times.length > POINTS_MAX) state.times.splice(0, state.times.length - POINTS_MAX);
  }

  const shownName = (name) => (name === "" ? "others" : name);

  // Those with the highest values, in the order of their names, so that colours do not jump.
  function lines(which) {
    const most = (s) => Math.max(-1, ...s[which].filter((v) => v !== null));
    const chosen = [...state.groups].sort((a, b) => most(b[1]) - most(a[1])).slice(0, LINES_MAX);
    return chosen
      .filter(([, s]) => most(s) >= 0)
      .sort((a, b) => (a[0] < b[0] ? -1 : 1))
      .map(([name, s]) => ({ name: shownName(name), values: s[which] }));
  }

  function showCharts() {
    const rtt = lines("rtt"), retrans = lines("retrans");
    drawRtt({ times: rtt.length ? state.times : [], series: rtt });
    drawRetrans({ times: retrans.length ? state.times : [], series: retrans });
  }

  function showSockets(s) {
    const columns = socketColumns.filter((c) => !optional.has(c.name) || s.rows.some((r) => r[c.name] !== null));
    const order = socketColumns.find((c) => c.name === s.order).title;
    let note = `The first ${s.rows.length} of ${format.count(s.count - s.hidden)} by ${order}`;
    if (s.hidden) note += `; not counted: ${format.count(s.hidden)} that listen, are closed or belong to this page`;
    if (s.unrated) note += `; ${format.count(s.unrated)} more than are compared, whose rates are not known`;
    text("sockets-note", note + ".");
    fillTable(byId("sockets"), columns, s.rows, s.order);
  }

  // What the sums are by: the labels of -promLabels; none where they are switched off.
  function showLabels(labels) {
    const names = { netns: "namespace", pod_namespace: "namespace of the pod" };
    const by = (labels ?? []).map((l) => names[l] ?? l).join(" and ") || "nothing else";
    for (const e of document.querySelectorAll(".by")) e.textContent = by;
    groupColumns[0].title = by[0].toUpperCase() + by.slice(1);
    byId("charts").hidden = byId("sums").hidden = labels === null;
  }

  function showGroups(list) {
    const rows = list.filter((n) => n.sockets).sort((a, b) => b.sockets - a.sockets);
    for (const n of rows) n.shown = shownName(n.name);
    fillTable(byId("groups"), groupColumns, rows, null);
  }

  async function ask() {
    const token = kept.get("token");
    const answer = await fetch(`/page/data?order=${state.order}&after=${state.poll}`, {
      credentials: "omit",
      cache: "no-store",
      headers: token ? { Authorization: "Bearer " + token } : {},
    });
    if (!answer.ok) throw new Error(`${answer.status} ${(await answer.text()).trim()}`);
    return answer.json();
  }

  async function update() {
    let data;
    try {
      data = await ask();
      if (state.run !== null && data.run !== state.run) {
        // Another run of the daemon counts its polls anew.
        Object.assign(state, { poll: 0, times: [], groups: new Map() });
        state.run = data.run;
        data = await ask();
      }
    } catch (error) {
      text("trouble", "The daemon does not answer: " + error.message);
      byId("trouble").hidden = false;
      return;
    }
    byId("trouble").hidden = true;
    state.run = data.run;
    showDaemon(data);
    showRefusal(data);
    showLabels(data.labels);
    if (data.times.length) {
      addPoints(data);
      showCharts();
    }
    state.poll = data.poll;
    showGroups(data.groups);
    if (data.sockets) showSockets(data.sockets);
    document.body.dataset.poll = data.poll;
  }

  const again = every(ASK_MS, update);
  byId("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    kept.set("token", byId("token").value.trim());
    byId("token").value = "";
    again();
  });
})();
