# SPDX-License-Identifier: MIT
# What a dashboard lacks that a reader of it may expect: a line per fault. jq -r -f ci/dashboards.jq DASHBOARD.json
# Units of Grafana that say what is counted; reqps is for requests, and short says "a number".
def units: ["short", "s", "ms", "bytes", "Bps", "percent", "percentunit", "recps", "mps", "pps", "cps"];

def of_panel:
  . as $panel | .fieldConfig.defaults as $defaults |
  (if (.description // "") | test("^[A-Z0-9a-z].*\\.$") then empty else "no description, or none that is a sentence" end),
  (if [$defaults.unit] - units == [] then empty else "unit \($defaults.unit)" end),
  (if ($defaults.thresholds.steps // []) | length > 0 and .[0].value == null then empty else "no thresholds" end),
  (if $defaults | has("mappings") then empty else "no mappings" end),
  (if .type == "heatmap" or $defaults.min == 0 then empty else "the axis does not begin at 0" end),
  (if .type != "timeseries" or (.options.legend.displayMode == "table" and (.options.legend.calcs | length > 0) and .options.tooltip.mode == "multi")
   then empty else "a legend without a table, or a tooltip of one series" end),
  (if .type != "stat" or .options.reduceOptions.calcs == ["lastNotNull"] then empty else "a figure that is not the last one" end),
  # Both are 0 or 1: a word and a colour say which.
  (if (.targets[0].expr // "") | test("^(up|xtcp2_destination_up)\\{") then
     if ($defaults.mappings | length > 0) and ($defaults.thresholds.steps | length > 1) then empty else "0 and 1 without words" end
   else empty end),
  (.targets[] | select(.expr) |
    (if .expr | test("\\$instance") then empty else "\(.refId): all daemons, whatever is chosen" end),
    (if $panel.type == "heatmap" or (.legendFormat | test("\\{\\{instance\\}\\}")) then empty else "\(.refId): a legend without {{instance}}" end)),
  (.targets[] | select(.rawSql) |
    if .rawSql | test("xtcp_flat_records_errors") or all(("host", "namespace", "container", "port"); . as $name | $panel.targets[0].rawSql | test("\\$\\{" + $name + "[:}]"))
    then empty else "\(.refId): a variable has no effect" end);

def variables: if [.panels[].targets[] | select(.rawSql)] | length > 0 then ["host", "namespace", "container", "port"]
  elif [.panels[].targets[] | select(.expr | test("xtcp2_tcp_"))] | length > 0 then ["instance", "namespace", "container"]
  else ["instance"] end;

input_filename as $file |
(if (.description // "") | endswith(".") then empty else "no description" end),
(if (.uid // "") != "" and (.tags | index("xtcp2")) then empty else "no uid, or not the tag xtcp2" end),
(if .links | length >= 2 then empty else "no links to the other dashboards" end),
(variables - [.templating.list[].name] | .[] | "no variable \(.)"),
(.templating.list[] | select(.type == "query") | if .multi and .includeAll and .refresh == 2 then empty else "variable \(.name): not several, all, and fresh" end),
(if [.panels[].fieldConfig.defaults.thresholds.steps | select(length > 1)] | length > 0 then empty else "no panel has a limit" end),
(.panels[] | .title as $title | of_panel | "\($title): \(.)")
| "\($file): \(.)"
