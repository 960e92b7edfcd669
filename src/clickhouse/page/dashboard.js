// The dashboard: queries over xtcp.xtcp_flat_records for a span of time, with filters. Its state is in the part of the address
// behind #, so that a view can be linked to.
"use strict";

(() => {
  const { byId, el, format, fillTable, chart } = page;

  // Seconds per point: a round number, some 120 points.
  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200];
  const POINTS = 120;
  const LINES_MAX = 8;
  const ROWS_MAX = 20;

  const GROUPS = {
    netns: ["namespace", "netns"],
    host: ["host", "hostname"],
    container: ["container", "multiIf(container_name != '', container_name, container_id != '', left(container_id, 12), 'none')"],
    process: ["process", "if(comm != '', comm, 'unknown')"],
    remote: ["remote address", "replaceOne(toString(destination_ip), '::ffff:', '')"],
  };

  // What every query takes: sockets in this time that the filters take. Marks of -changed are no sockets.
  const WHERE = `event < 2
    AND timestamp_ns >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') AND timestamp_ns < fromUnixTimestamp64Milli({until:Int64}, 'UTC')
    AND ({host:String} = '' OR hostname = {host:String}) AND ({netns:String} = '' OR netns = {netns:String})
    AND ({container:String} = '' OR container_name = {container:String})
    AND ({port:UInt32} = 0 OR inet_diag_msg_socket_source_port = {port:UInt32} OR inet_diag_msg_socket_destination_port = {port:UInt32})`;
  const FROM = `FROM xtcp.xtcp_flat_records WHERE ${WHERE}`;
  const CONNECTED = "tcp_info_len > 0 AND inet_diag_msg_state != 10";
  const SOCKET = "hostname, netns_cookie, inet_diag_msg_socket_cookie";
  const SLOT = "toStartOfInterval(timestamp_ns, INTERVAL {step:UInt32} SECOND)";

  // Growth of the counters of each socket, from its first record of this time to its last.
  const growth = (group) => `
    SELECT ${group} AS g, ${SOCKET}, any(toString(source_ip)) AS source, any(inet_diag_msg_socket_source_port) AS source_port,
      any(toString(destination_ip)) AS destination, any(inet_diag_msg_socket_destination_port) AS destination_port,
      any(netns) AS socket_netns, any(comm) AS socket_comm,
      max(tcp_info_total_retrans) - min(tcp_info_total_retrans) AS segments, max(tcp_info_bytes_retrans) - min(tcp_info_bytes_retrans) AS resent,
      max(tcp_info_bytes_sent) - min(tcp_info_bytes_sent) AS sent, max(tcp_info_bytes_received) - min(tcp_info_bytes_received) AS received,
      avgIf(tcp_info_rtt, tcp_info_rtt > 0) AS rtt, maxIf(tcp_info_rtt, tcp_info_rtt > 0) AS rtt_max
    ${FROM} AND ${CONNECTED} GROUP BY g, ${SOCKET}`;

  // Rates per second in each slot: the growth since the slot in which the socket was seen before.
  const rates = (group) => `
    SELECT toUnixTimestamp(slot) * 1000 AS time, g, sum(segments / seconds) AS retrans, sum(sent_more / seconds) AS sent, sum(received_more / seconds) AS received
    FROM (
      SELECT slot, g, row_number() OVER w AS n, greatest(toFloat64(last - lagInFrame(last) OVER w) , 0.001) AS seconds,
        greatest(toInt64(re) - toInt64(lagInFrame(re) OVER w), 0) AS segments, greatest(toInt64(s) - toInt64(lagInFrame(s) OVER w), 0) AS sent_more,
        greatest(toInt64(r) - toInt64(lagInFrame(r) OVER w), 0) AS received_more
      FROM (
        SELECT ${SLOT} AS slot, ${group} AS g, ${SOCKET}, toUnixTimestamp64Milli(max(timestamp_ns)) / 1000 AS last,
          max(tcp_info_total_retrans) AS re, max(tcp_info_bytes_sent) AS s, max(tcp_info_bytes_received) AS r
        ${FROM} AND ${CONNECTED} GROUP BY slot, g, ${SOCKET})
      WINDOW w AS (PARTITION BY g, ${SOCKET} ORDER BY slot ROWS BETWEEN 1 PRECEDING AND CURRENT ROW))
    WHERE n > 1 GROUP BY slot, g ORDER BY slot`;

  const queries = {
    sums: () => `SELECT count() AS records, uniqExact(hostname) AS hosts, uniqExact(hostname, netns_cookie) AS namespaces,
      uniqExact(${SOCKET}) AS sockets, quantileIf(0.5)(tcp_info_rtt, tcp_info_rtt > 0) AS rtt_p50, quantileIf(0.99)(tcp_info_rtt, tcp_info_rtt > 0) AS rtt_p99 ${FROM}`,
    resent: () => `SELECT sum(segments) AS retransmits, 100 * sum(resent) / nullIf(sum(sent), 0) AS share FROM (${growth("''")})`,
    percentiles: () => `SELECT toUnixTimestamp(${SLOT}) * 1000 AS time, quantile(0.5)(tcp_info_rtt) AS p50, quantile(0.9)(tcp_info_rtt) AS p90,
      quantile(0.99)(tcp_info_rtt) AS p99 ${FROM} AND tcp_info_rtt > 0 AND ${CONNECTED} GROUP BY time ORDER BY time`,
    rtt: (g) => `SELECT toUnixTimestamp(${SLOT}) * 1000 AS time, ${g} AS g, avg(tcp_info_rtt) AS rtt ${FROM} AND tcp_info_rtt > 0 AND ${CONNECTED}
      GROUP BY time, g ORDER BY time`,
    retrans: (g) => rates(g),
    bytes: () => rates("''"),
    states: () => `SELECT time, state AS g, sockets FROM (
      SELECT toUnixTimestamp(${SLOT}) * 1000 AS time, transform(inet_diag_msg_state, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
        ['ESTABLISHED', 'SYN_SENT', 'SYN_RECV', 'FIN_WAIT1', 'FIN_WAIT2', 'TIME_WAIT', 'CLOSE', 'CLOSE_WAIT', 'LAST_ACK', 'LISTEN', 'CLOSING',
         'NEW_SYN_RECV', 'BOUND_INACTIVE'], 'UNKNOWN') AS state, uniq(${SOCKET}) AS sockets ${FROM} AND event = 0 GROUP BY time, state) ORDER BY time`,
    groups: (g) => `SELECT g, count() AS sockets, sum(segments) AS retransmits, 100 * sum(resent) / nullIf(sum(sent), 0) AS share, sum(sent) AS sent_bytes,
      sum(received) AS received_bytes, avgIf(rtt, rtt > 0) AS rtt_us, max(rtt_max) AS rtt_max_us FROM (${growth(g)}) GROUP BY g
      ORDER BY retransmits DESC, sent_bytes DESC LIMIT ${ROWS_MAX}`,
    remotes: () => `SELECT replaceOne(toString(destination_ip), '::ffff:', '') AS remote, uniqExact(${SOCKET}) AS sockets, quantile(0.5)(tcp_info_rtt) AS p50,
      quantile(0.9)(tcp_info_rtt) AS p90, max(tcp_info_rtt) AS most, min(tcp_info_min_rtt) AS least ${FROM} AND tcp_info_rtt > 0 AND ${CONNECTED} GROUP BY remote
      ORDER BY p90 DESC LIMIT ${ROWS_MAX}`,
    talkers: () => `SELECT hostname AS host, socket_netns AS netns, socket_comm AS process, replaceOne(source, '::ffff:', '') AS local, source_port,
      replaceOne(destination, '::ffff:', '') AS remote, destination_port, sent AS sent_bytes, received AS received_bytes, segments, rtt AS rtt_us
      FROM (${growth("''")}) ORDER BY sent + received DESC LIMIT ${ROWS_MAX}`,
  };

  const columns = {
    groups: [
      { name: "g", title: "", wrap: true },
      { name: "sockets", title: "Sockets", format: format.count },
      { name: "retransmits", title: "Retransmits", format: format.count },
      { name: "share", title: "Retr %", format: format.percent },
      { name: "sent_bytes", title: "Sent", format: format.bytes },
      { name: "received_bytes", title: "Received", format: format.bytes, wide: true },
      { name: "rtt_us", title: "RTT ms, mean", format: format.ms_of_us },
      { name: "rtt_max_us", title: "RTT ms, max", format: format.ms_of_us, wide: true },
    ],
    remotes: [
      { name: "remote", title: "Remote" },
      { name: "sockets", title: "Sockets", format: format.count },
      { name: "p50", title: "RTT ms, median", format: format.ms_of_us },
      { name: "p90", title: "90 %", format: format.ms_of_us },
      { name: "most", title: "Max", format: format.ms_of_us, wide: true },
      { name: "least", title: "Min", format: format.ms_of_us, wide: true },
    ],
    talkers: [
      { name: "host", title: "Host", wide: true },
      { name: "netns", title: "Namespace", wide: true },
      { name: "process", title: "Process" },
      { name: "from", title: "Local", wide: true },
      { name: "to", title: "Remote" },
      { name: "sent_bytes", title: "Sent", format: format.bytes },
      { name: "received_bytes", title: "Received", format: format.bytes },
      { name: "segments", title: "Retransmits", format: format.count, wide: true },
      { name: "rtt_us", title: "RTT ms", format: format.ms_of_us, wide: true },
    ],
  };

  const empty = "no records in this time";
  const draw = {
    percentiles: chart(byId("percentiles"), { title: "Round-trip time in ms", format: format.ms_of_us, empty }),
    rtt: chart(byId("rtt"), { title: "Mean round-trip time in ms", format: format.ms_of_us, empty }),
    retrans: chart(byId("retrans"), { title: "Retransmitted segments per second", format: format.per_second, empty }),
    bytes: chart(byId("bytes"), { title: "Bytes per second", format: format.per_second, empty }),
    states: chart(byId("states"), { title: "Sockets by state", format: format.count, empty }),
  };

  // The state and the address

  const FIELDS = ["range", "since", "until", "host", "netns", "container", "port", "by", "refresh"];

  function readAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const name of FIELDS) {
      if (!given.has(name)) continue;
      const input = byId(name), value = given.get(name);
      if (input.localName === "select" && ![...input.options].some((o) => o.value === value)) {
        if (!["host", "netns", "container"].includes(name)) continue;
        input.append(el("option", { value }, value));
      }
      input.value = value;
    }
    showCustom();
  }

  function writeAddress() {
    const state = new URLSearchParams();
    const custom = byId("range").value === "custom";
    for (const name of FIELDS) {
      if (byId(name).value && (custom || !["since", "until"].includes(name))) state.set(name, byId(name).value);
    }
    history.replaceState(null, "", "#" + state);
  }

  // A time of day of this browser as its input has it.
  function localTime(ms) {
    const t = new Date(ms - new Date(ms).getTimezoneOffset() * 60000);
    return t.toISOString().slice(0, 19);
  }

  function showCustom() {
    const custom = byId("range").value === "custom";
    for (const label of document.querySelectorAll(".custom")) label.hidden = !custom;
    if (custom && !byId("since").value) {
      byId("since").value = localTime(Date.now() - 3600e3);
      byId("until").value = localTime(Date.now());
    }
  }

  function parameters() {
    const range = byId("range").value;
    let until = Date.now(), since = until - Number(range) * 1000;
    if (range === "custom") {
      since = new Date(byId("since").value).getTime();
      until = new Date(byId("until").value).getTime();
      if (!(since < until)) throw new Error("The time must begin before it ends.");
    }
    const step = STEPS.find((s) => (until - since) / 1000 / s <= POINTS) || STEPS[STEPS.length - 1];
    return {
      since: Math.floor(since), until: Math.ceil(until), step,
      host: byId("host").value, netns: byId("netns").value, container: byId("container").value, port: byId("port").value || 0,
    };
  }

  // Figures

  // Rows of (time, g, value) as lines over common times: those with the highest values.
  function lines(rows, value) {
    const times = [...new Set(rows.map((r) => r.time))].sort((a, b) => a - b);
    const at = new Map(times.map((t, i) => [t, i]));
    const byName = new Map();
    for (const r of rows) {
      if (!byName.has(r.g)) byName.set(r.g, Array(times.length).fill(null));
      byName.get(r.g)[at.get(r.time)] = r[value];
    }
    const most = (values) => Math.max(...values.filter((v) => v !== null));
    const series = [...byName]
      .sort((a, b) => most(b[1]) - most(a[1]))
      .slice(0, LINES_MAX)
      .sort((a, b) => (a[0] < b[0] ? -1 : 1))
      .map(([name, values]) => ({ name: name || "none", values }));
    return { times, series };
  }

  const columnsOf = (rows, names) => ({
    times: rows.map((r) => r.time),
    series: names.map(([name, title]) => ({ name: title, values: rows.map((r) => r[name]) })),
  });

  const show = {
    sums([s]) {
      for (const name of ["records", "hosts", "namespaces", "sockets"]) put(name, s[name], format.count);
      put("rtt_p50", s.rtt_p50, format.ms_of_us);
      put("rtt_p99", s.rtt_p99, format.ms_of_us);
    },
    resent([s]) {
      put("retransmits", s.retransmits, format.count);
      put("share", s.share, (v) => (v === null ? page.none : format.percent(v) + " %"));
    },
    percentiles: (rows) => draw.percentiles(columnsOf(rows, [["p50", "median"], ["p90", "90 %"], ["p99", "99 %"]])),
    rtt: (rows) => draw.rtt(lines(rows, "rtt")),
    retrans: (rows) => draw.retrans(lines(rows, "retrans")),
    bytes: (rows) => draw.bytes(columnsOf(rows, [["sent", "sent"], ["received", "received"]])),
    states: (rows) => draw.states(lines(rows, "sockets")),
    groups(rows) {
      const [title] = GROUPS[byId("by").value];
      columns.groups[0].title = title[0].toUpperCase() + title.slice(1);
      fillTable(byId("groups"), columns.groups, rows, null);
    },
    remotes: (rows) => fillTable(byId("remotes"), columns.remotes, rows, null),
    talkers(rows) {
      const end = (address, port) => (address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`);
      for (const r of rows) {
        r.from = end(r.local, r.source_port);
        r.to = end(r.remote, r.destination_port);
      }
      fillTable(byId("talkers"), columns.talkers, rows, null);
    },
  };

  function put(id, value, shown) {
    byId(id).textContent = shown(value);
    byId(id).dataset.value = value ?? "";
  }

  // The choices of a filter: what there was in this time, whatever the filters are.
  async function fillChoices(p) {
    const found = await sql.rows(
      `SELECT groupUniqArray(500)(hostname) AS host, groupUniqArray(500)(netns) AS netns, groupUniqArray(500)(container_name) AS container
       FROM xtcp.xtcp_flat_records WHERE timestamp_ns >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') AND timestamp_ns < fromUnixTimestamp64Milli({until:Int64}, 'UTC')`,
      { since: p.since, until: p.until }
    );
    for (const name of ["host", "netns", "container"]) {
      const select = byId(name), chosen = select.value;
      const values = [...new Set([...found[0][name], chosen])].filter((v) => v).sort();
      select.replaceChildren(el("option", { value: "" }, "all"), ...values.map((value) => el("option", { value }, value)));
      select.value = chosen;
    }
  }

  // The engine is not asked everything at once: others ask it, too.
  const AT_A_TIME = 3;

  let running = 0, timer = 0;

  async function update() {
    const turn = ++running;
    clearTimeout(timer);
    try {
      const p = parameters();
      byId("status").textContent = "asking …";
      await fillChoices(p);
      sql.showTrouble(null);
      writeAddress();
      const [title, group] = GROUPS[byId("by").value];
      for (const e of document.querySelectorAll(".by")) e.textContent = title;
      const left = Object.keys(queries);
      const worker = async () => {
        for (let name; (name = left.shift()) && turn === running; ) {
          const rows = await sql.rows(queries[name](group), p);
          if (turn === running) show[name](rows);
        }
      };
      await Promise.all(Array.from({ length: AT_A_TIME }, worker));
      if (turn === running) {
        byId("status").textContent = `as of ${new Date().toLocaleTimeString("en-GB")}, a point per ${p.step} s`;
        document.body.dataset.shown = Number(document.body.dataset.shown || 0) + 1;
      }
    } catch (error) {
      if (turn !== running) return;
      byId("status").textContent = "";
      sql.showTrouble(error);
    }
    schedule();
  }

  function schedule() {
    clearTimeout(timer);
    const every = Number(byId("refresh").value);
    if (every && byId("range").value !== "custom" && !byId("shown").hidden) timer = setTimeout(() => (document.hidden ? schedule() : update()), every * 1000);
  }

  readAddress();
  byId("filters").addEventListener("submit", (event) => {
    event.preventDefault();
    update();
  });
  byId("range").addEventListener("change", showCustom);
  for (const name of ["range", "host", "netns", "container", "by", "refresh"]) {
    byId(name).addEventListener("change", () => byId("range").value !== "custom" && update());
  }
  addEventListener("hashchange", () => {
    readAddress();
    update();
  });
  sql.signIn(update);
  update();
})();
