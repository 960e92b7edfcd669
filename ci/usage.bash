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

# usage_runner_options TOP ARGUMENT...: refuses what is not in the table of xtcp2-vmrun's options, before minutes are spent
# on a machine.
usage_runner_options() {
  local top=$1 word known
  known=$(sed -nE '/^static const struct flag flags/,/^\};/s/^[[:space:]]+\{"([a-z-]+)", FLAG_.*/\1/p' "$top/src/vmrun/main.c")
  shift
  for word; do
    [[ $word == -* ]] || continue
    word=${word#-} word=${word#-} word=${word%%=*}
    # shellcheck disable=SC2086 # a word each
    grep -qxF -e "$word" <<<"$known" || usage_refuse "unknown option '--$word'; those of xtcp2-vmrun are$(printf ' --%s' $known)"
  done
}
