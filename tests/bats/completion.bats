#!/usr/bin/env bats
# Completions of bash, zsh and fish, asked for in the real shells.

bats_require_minimum_version 1.5.0
load lib

setup() {
  DATA=$BUILD/data
  export DATA
  cd "$BATS_TEST_TMPDIR" || return 1
  echo >recording.jsonl
}

# The shell that a test is about. CI has all.
has() { command -v "$1" >/dev/null || skip "$1 is not installed"; }

# What is typed, a bar, and the only completion of its last word.
CASES=(
  'xtcp2 -freq|-frequency'
  'xtcp2 -marshal protobufL|protobufList'
  'xtcp2 -dest stdo|stdout'
  'xtcp2 -states estab,listenin|estab,listening'
  'xtcp2 -columns netns,cookie,tcp_info_rtt_v|netns,cookie,tcp_info_rtt_var'
  'xtcp2 -deserializers info,bb|info,bbr'
  'xtcp2 -seccomp lo|log'
  'xtcp2 -d debu|debug'
  'xtcp2 fiel|fields'
  'xtcp2 ss -kernelF|-kernelFilter'
  'xtcp2 ss -format tabl|table'
  'xtcp2 ss -sort send_r|send_rate'
  'xtcp2 top -columns remote,retrans_p|remote,retrans_pct'
  'xtcp2 -config rec|recording.jsonl'
  'xtcp2client -format human|humanize'
  'xtcp2client -columns netns,tcp_info_rtt_v|netns,tcp_info_rtt_var'
  'xtcp2ctl set-p|set-poll-frequency'
  'xtcp2ctl reconfigure -file rec|recording.jsonl'
  'xtcp2-vmrun -machine mic|microvm'
  'xtcp2-clickhouse que|query'
  'xtcp2-clickhouse query -ins|-insert'
  'xtcp2-clickhouse query -format vert|vertical'
  'xtcp2-clickhouse query -data rec|recording.jsonl'
  'xtcp2-tcp-server -por|-port'
)

@test "every installed program has completions for three shells" {
  local page name
  for page in "$DATA"/*.[18]; do
    name=$(basename "${page%.*}")
    [ -s "$DATA/$name" ] && [ -s "$DATA/_$name" ] && [ -s "$DATA/$name.fish" ] || { echo "$name"; return 1; }
    bash -n "$DATA/$name"
  done
}

# What bash offers for a line, one per line.
in_bash() {
  bash -c 'name=${1%% *}
    source "$DATA/$name"
    COMP_LINE=$1 COMP_POINT=${#1}
    "_${name//-/_}" 2>/dev/null
    printf "%s\n" "${COMPREPLY[@]}"' bash "$1"
}

@test "bash completes options, values, lists, paths, subcommands" {
  local row
  for row in "${CASES[@]}"; do
    [ "$(in_bash "${row%|*}")" = "${row#*|}" ] || { echo "$row: $(in_bash "${row%|*}")"; return 1; }
  done
  # Behind an equals sign, with two dashes, behind a colon, where bash begins a word.
  [ "$(in_bash 'xtcp2 --marshal=protobufL')" = protobufList ]
  [ "$(in_bash 'xtcp2 -dest fil')" = file: ]
  [ "$(in_bash 'xtcp2 -dest file:rec')" = recording.jsonl ]
  [ "$(in_bash 'xtcp2 -seccomp ' | xargs)" = 'on log off' ]
  # A flag that takes no value is followed by a flag, one that takes any by nothing.
  [ "$(in_bash 'xtcp2 -ioUring -promPa')" = -promPath ]
  [ -z "$(in_bash 'xtcp2 -tag -')" ]
  # Those of a subcommand are its own.
  not grep -qx -- -frequency <<<"$(in_bash 'xtcp2 ss -')"
}

@test "fish does, too" {
  has fish
  local row
  for row in "${CASES[@]}" 'xtcp2 -dest file:rec|file:recording.jsonl' 'xtcp2 -dest fil|file:'; do
    # shellcheck disable=SC2016
    run fish --no-config -c 'source $DATA/(string split " " $argv[1])[1].fish; complete -C $argv[1]' "${row%|*}"
    # Behind a tabulator stands what it is.
    [ "$(cut -f 1 <<<"$output")" = "${row#*|}" ] || { echo "$row: $output"; return 1; }
  done
}

@test "and zsh, at its prompt" {
  has zsh
  cat >ask <<'E'
zmodload zsh/zpty
zpty shell "zsh -f -i"
zpty -w shell "PS1=; unsetopt zle_bracketed_paste; fpath=($DATA \$fpath); autoload -U compinit; compinit -u -D; echo ready-\$((41+1))"
zpty -r shell seen "*ready-42*"
while IFS='|' read -r typed wanted; do
  zpty -w -n shell "$typed"$'\t'
  zpty -r shell seen "*$wanted*"
  print -r -- "ok $typed"
  zpty -w -n shell $'\C-u'
done
zpty -d shell
E
  printf '%s\n' "${CASES[@]}" 'xtcp2 -dest file:rec|file:recording.jsonl' 'xtcp2 -dest fil|file:' >cases
  timeout 120 zsh -f ask <cases >answers || { echo "after: $(tail -n 1 answers)"; return 1; }
  [ "$(grep -c '^ok ' answers)" -eq "$(wc -l <cases)" ]
}
