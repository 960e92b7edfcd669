# SPDX-License-Identifier: MIT
# One self-contained page from quality.json; $css is put inside.
def seconds: if . == null then "–" else "\((. / 100 | round) / 10) s" end;
def kib: "\(. / 1024 | round) KiB";
def mib: "\((. / 104857.6 | round) / 10) MiB";
def h: tostring | @html;
def td: "<td>\(h)</td>";
def num: "<td class=n>\(h)</td>";
def badge($good; $text): "<span class=\"badge \(if $good then "good" else "bad" end)\">\($text | h)</span>";
def table($heads; rows): "<div class=scroll><table><thead><tr>\($heads | map("<th>\(h)</th>") | join(""))</tr></thead><tbody>\([rows] | join("\n"))</tbody></table></div>";
def section($title; $body): "<section><h2>\($title | h)</h2>\($body)</section>";
def bar: .lines as $l | (if $l == 0 then 0 else 100 * .host / $l end) as $host | (if $l == 0 then 0 else 100 * .vm_only / $l end) as $vm
  | "<td><div class=bar title=\"host \(.host), only VM \(.vm_only), of \($l)\"><i style=\"width:\($host)%\"></i><b style=\"width:\($vm)%\"></b></div></td>";
def delta($new; $old; $unit): if $old == null or $new == null or $new == $old then "" else " <small>was \($old)\($unit)</small>" end;
def tile($value; $what; $good): "<div class=\"tile \(if $good == null then "" elif $good then "good" else "bad" end)\"><strong>\($value)</strong><span>\($what)</span></div>";
def coverage_row($name): "<tr>\($name | td)\(.lines | num)\(.host | num)\(.vm | num)\(.vm_only | num)\("\(.percent) %" | num)\(bar)</tr>";

. as $q | .previous as $p
| ([.rings[].failed] | add // 0) as $failed | ([.rings[].passed] | add // 0) as $passed
| "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>xtcp2 quality report</title><style>\($css)</style>
<header><h1>xtcp2 <span>quality report</span></h1><p>\(.commit | h) · \(.time | h)\(if $p then " · compared with \($p.commit | h) of \($p.time | h)" else "" end)</p></header><main>
<div class=tiles>\(tile($passed; "tests passed"; null))\(tile($failed; "tests failed"; $failed == 0))\(
  tile("\([.vm[] | select(.verdict == "pass")] | length)/\(.vm | length)"; "VM flavors pass"; all(.vm[]; .verdict == "pass")))\(
  tile("\([.linters[] | select(.ok)] | length)/\(.linters | length)"; "linters silent"; all(.linters[]; .ok)))\(
  if .coverage.total then tile("\(.coverage.total.percent) %\(delta(.coverage.total.percent; $p.coverage.total.percent; " %"))"; "of \(.coverage.total.lines) lines covered"; null)
    + tile(.coverage.total.vm_only; "lines only a VM reaches"; null) else "" end)</div>
\(section("Rings of tests"; table(["Ring", "Verdict", "Passed", "Failed", "Skipped", "What failed"];
  .rings[] | "<tr>\(.name | td)<td>\(badge(.failed == 0 and .passed > 0; if .failed > 0 then "fail" elif .passed > 0 then "pass" else "nothing ran" end))</td>\(.passed | num)\(.failed | num)\(.skipped | num)\(.failures | join("; ") | td)</tr>")))
\(section("Virtual machines"; ([.vm[] | . as $v | ([$p.vm[]? | select(.flavor == $v.flavor)][0]) as $old
  | "<h3>\(.flavor | h) \(badge(.verdict == "pass"; .verdict))</h3><p>\(.reason | h) · \(.accel | h) · boot \(.boot_ms | seconds)\(delta(.boot_ms | seconds; $old.boot_ms | if . then seconds else null end; "")) · launch to verdict \(.launch_to_verdict_ms | seconds)\(delta(.launch_to_verdict_ms | seconds; $old.launch_to_verdict_ms | if . then seconds else null end; ""))\(if .image then " · root \(.image["root.erofs"] | mib), initramfs \(.image["initrd.img"] | mib), kernel \(.image.vmlinuz | mib)" else "" end)</p>"
  + table(["Check", "Verdict", "Time", "Reason"]; .checks[] | "<tr>\(.name | td)<td>\(badge(.verdict == "pass"; .verdict))</td>\(.ms | seconds | num)\(.reason | td)</tr>")] | join("\n"))))
\(if .kernels then section("Kernels"; table(["Series", "Kernel", "Verdict", "Boot", "Checks", "tcp_info", "Unknown attributes", "Source", "Seconds"];
  .kernels[] | if .skipped then "<tr>\(.series | td)<td colspan=8>not served: \(.skipped | h)</td></tr>"
    else "<tr>\(.series | td)\(.kernel // "–" | td)<td>\(badge(.verdict == "pass"; .verdict))</td>\(.boot_ms | seconds | num)\("\([.checks[] | select(.verdict == "pass")] | length)/\(.checks | length)" | num)\(.tcp_info // "–" | num)\(.unknown // "–" | td)\(.sources // "–" | td)\(.seconds // "–" | num)</tr>" end)) else "" end)
\(section("Linters"; table(["Linter", "Verdict", "Findings"]; .linters[] | "<tr>\(.name | td)<td>\(badge(.ok; if .ok then "silent" else "complains" end))</td><td>\((.findings // []) | map(h) | join("<br>"))</td></tr>")))
\(if .coverage.total then section("Coverage"; "<p class=legend><i></i> reached on the host <b></b> reached only in a VM</p>"
  + table(["Ring", "Lines reached", "Share of what it saw"]; .coverage.rings[] | "<tr>\(.ring | td)\(.hit | num)\("\(.percent) %" | num)</tr>")
  + table(["Directory", "Lines", "Host", "VM", "Only VM", "Together", ""]; (.coverage.directories[] | coverage_row(.directory)), (.coverage.total | coverage_row("all")))
  + "<details><summary>Files</summary>" + table(["File", "Lines", "Host", "VM", "Only VM", "Together", ""]; .coverage.files[] | coverage_row(.file)) + "</details>"
  + "<details><summary>Lines that only a VM reaches</summary>" + table(["File", "Lines"]; .coverage.files[] | select(.vm_only > 0) | "<tr>\(.file | td)\(.only | td)</tr>") + "</details>") else "" end)
\(section("Sizes"; table(["Program (stripped)", "Size", "Before"]; .sizes[] | . as $s | "<tr>\(.name | td)\(.bytes | kib | num)\([$p.sizes[]? | select(.name == $s.name).bytes][0] | if . then kib else "" end | num)</tr>")))
\(if .bench then section("Bench"; "<p>kernel \(.bench.kernel | h), \(.bench.cores) cores</p>" + table(["Row", "Sockets", "Namespaces", "CPU against the bare dump", "before", "CPU against ss", "RSS", "Threads", "Allocations a poll"];
  .bench.rows[] | . as $b | ([$p.bench.rows[]? | select(.name == $b.name)][0]) as $old
  | "<tr>\(.name | td)\(.sockets | num)\(.namespaces | num)\((.cpu_ratio * 100 | round / 100) | num)\((if $old then ($old.cpu_ratio * 100 | round / 100) else "" end) | num)\((if .ss_ratio then (.ss_ratio * 100 | round / 100) else "" end) | num)\("\(.rss_kib) KiB" | num)\(.threads | num)\(.allocations_per_poll | num)</tr>")) else "" end)
</main></html>"
