# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Help and wrong arguments, alike for every command of this folder. Sourced at a command's beginning, before anything
# is done: . "$(dirname "$0")/usage.bash"; usage "$@"
#
# The help is the comment at the top of the command.

usage_text() { sed -n '2,/^[^#]/{/^# SPDX/d; /^#/!d; /^# shellcheck/d; s/^# \{0,1\}//p}' "$0"; }

# usage ARGUMENT...: with -h, -help or --help among them, prints the help and ends.
usage() {
  local word
  for word; do
    case $word in -h | -help | --help)
      usage_text
      exit 0
      ;;
    esac
  done
}

# usage_refuse TEXT: one line that says what is wrong and where to read on; ends with 3.
usage_refuse() {
  echo "${0##*/}: $* (see ci/${0##*/} --help)" >&2
  exit 3
}

# usage_most N ARGUMENT...: refuses options, and more than N arguments.
usage_most() {
  local most=$1 word
  shift
  for word; do
    [[ $word != -* ]] || usage_refuse "unknown option '$word'"
  done
  [ $# -le "$most" ] || usage_refuse "unknown argument '${*:most+1:1}'"
}

# The options of xtcp2-vmrun by the table in its source, each with its kind: "timeout DURATION".
runner_options() {
  sed -nE '/^static const struct flag flags/,/^\};/s/^[[:space:]]+\{"([a-z-]+)", FLAG_([A-Z0-9]+).*/\1 \2/p' "$1/src/vmrun/main.c"
}

# usage_runner_options TOP ARGUMENT...: refuses what is not in that table, and durations that are none, before minutes are spent on
# a machine.
usage_runner_options() {
  local known kind name value
  known=$(runner_options "$1")
  shift
  while [ $# -gt 0 ]; do
    name=${1#-} name=${name#-} value=${2:-}
    if [[ $name == *=* ]]; then value=${name#*=} name=${name%%=*}; fi
    kind=$(awk -v name="$name" '$1 == name { print $2 }' <<<"$known")
    if [[ $1 == -* ]]; then
      # shellcheck disable=SC2046 # a word each
      [ -n "$kind" ] || usage_refuse "unknown option '--$name'; those of xtcp2-vmrun are$(printf ' --%s' $(awk '{ print $1 }' <<<"$known"))"
      [ "$kind" != DURATION ] || [[ $value =~ ^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$ ]] ||
        usage_refuse "--$name wants a duration such as 90s or 5m, not '$value'"
    fi
    shift
  done
}
