# SPDX-License-Identifier: MIT
def seconds: if . == null then "–" else "\((. / 100 | round) / 10) s" end;
def ok: if . then "✅" else "❌" end;
[
  "# Quality report", "", "\(.commit), \(.time)", "",
  "## Rings", "", "| Ring | Passed | Failed | Skipped |", "| --- | ---: | ---: | ---: |",
  (.rings[] | "| \(.name) | \(.passed) | \(.failed) | \(.skipped) |"), "",
  "## Virtual machines", "", "| Flavor | Verdict | Boot | Launch to verdict | Checks |", "| --- | --- | ---: | ---: | ---: |",
  (.vm[] | "| \(.flavor) | \(.verdict == "pass" | ok) \(.reason) | \(.boot_ms | seconds) | \(.launch_to_verdict_ms | seconds) | \(.checks | length) |"), "",
  (if .kernels then "## Kernels", "", "| Series | Kernel | Boot | Checks | tcp_info | Unknown attributes | Source | Seconds |", "| --- | --- | ---: | ---: | ---: | --- | --- | ---: |",
    (.kernels[] | if .skipped then "| \(.series) | not served | | skipped | | | | |"
      else "| \(.series) | \(.kernel // "–") | \(.boot_ms | seconds) | \(.verdict == "pass" | ok) \([.checks[] | select(.verdict == "pass")] | length)/\(.checks | length) | \(.tcp_info // "–") | \(.unknown // "–") | \(.sources // "–") | \(.seconds // "–") |" end), "" else empty end),
  "## Linters", "", (.linters[] | "- \(.ok | ok) \(.name)\(if .findings then ": \(.findings | length) findings" else "" end)"), "",
  "## Coverage", "",
  (if .coverage.total then .coverage.total | "\(.percent) % of \(.lines) lines; \(.vm_only) lines only a VM reaches." else "none" end), "",
  "| Directory | Lines | Host | VM | Only VM | Together |", "| --- | ---: | ---: | ---: | ---: | ---: |",
  (.coverage.directories[] | "| \(.directory) | \(.lines) | \(.host) | \(.vm) | \(.vm_only) | \(.percent) % |")
] | join("\n")
