# SPDX-License-Identifier: MIT
# In: [{ring, files: [{file, all, hit}]}]. Out: totals, directories and files with the
# lines that host rings reach, those that a VM reaches, and those only a VM does.
def percent($of): if $of == 0 then 0 else (1000 * . / $of | round) / 10 end;
def is_vm: test("^lifecycle|^soak|^tcp-stress|^clickhouse");
def lines($rows; f): [$rows[] | f[]] | unique;
# Consecutive numbers as "3-7".
def spans: reduce .[] as $n ([]; if length > 0 and .[-1][1] == $n - 1 then .[-1][1] = $n else . + [[$n, $n]] end)
  | map(if .[0] == .[1] then "\(.[0])" else "\(.[0])-\(.[1])" end) | join(", ");
def sums: {lines: (map(.lines) | add), host: (map(.host) | add), vm: (map(.vm) | add), vm_only: (map(.vm_only) | add), any: (map(.any) | add)}
  | .lines as $all | .percent = (.any | percent($all));

(map(. as $r | .files[] | {file, all, hit, vm: ($r.ring | is_vm)}) | group_by(.file) | map(
  . as $rows | lines($rows; .all) as $all
  | lines([$rows[] | select(.vm | not)]; .hit) as $host | lines([$rows[] | select(.vm)]; .hit) as $vm
  | ($vm - $host) as $only | ($host + $only | length) as $any
  | {file: $rows[0].file, lines: ($all | length), host: ($host | length), vm: ($vm | length), vm_only: ($only | length),
     any: $any, percent: ($any | percent($all | length)), only: ($only | sort | spans)})) as $files
| {rings: map({ring, lines: ([.files[].all | length] | add), hit: ([.files[].hit | length] | add)} | .percent = (.lines as $l | .hit | percent($l))),
   total: (if $files == [] then null else $files | sums end),
   directories: ($files | group_by(.file | split("/")[:-1]) | map(sums + {directory: (.[0].file | split("/")[:-1] | join("/"))})),
   files: $files}
