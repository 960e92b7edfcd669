# SPDX-License-Identifier: MIT
def seconds: if . == null then "–" else "\((. / 100 | round) / 10) s" end;
def ok: if . then "✅" else "❌" end;
[
  "# Quality report", "", "\(.commit), \(.time)", "",
  "## Rings", "", "| Ring | Passed | Failed | Skipped |", "| --- | ---: | ---: | ---: |",
  (.rings[] | "| \(.name) | \(.passed) | \(.failed) | \(.skipped) |"), "",
  "## Virtual machines", "", "| Flavor | Verdict | Boot | Launch to verdict | Checks |", "| --- | --- | ---: | ---: | ---: |",
  (.vm[] | "| \(.flavor) | \(.verdict == "pass" | ok) \(.reason) | \(.boot_ms | seconds) | \(.launch_to_verdict_ms | seconds) | \(.checks | length) |"), "",
  "## Linters", "", (.linters[] | "- \(.ok | ok) \(.name)\(if .findings then ": \(.findings | length) findings" else "" end)"), "",
  "## Coverage", "",
  (if .coverage.total then .coverage.total | "\(.percent) % of \(.lines) lines; \(.vm_only) lines only a VM reaches." else "none" end), "",
  "| Directory | Lines | Host | VM | Only VM | Together |", "| --- | ---: | ---: | ---: | ---: | ---: |",
  (.coverage.directories[] | "| \(.directory) | \(.lines) | \(.host) | \(.vm) | \(.vm_only) | \(.percent) % |")
] | join("\n")
