#!/usr/bin/env bash
# One HTTP request on standard input, its body appended to the file $1, the
# answer on standard output; $2 is the status (default 200 OK). For socat.
set -euo pipefail
length=0
while IFS= read -r line; do
  line=${line%$'\r'}
  [ -n "$line" ] || break
  [[ ${line,,} != content-length:* ]] || length=$((10#${line##*[!0-9]}))
done
head -c "$length" >>"$1"
printf 'HTTP/1.1 %s\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n' "${2:-200 OK}"
