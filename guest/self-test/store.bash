# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# For checks that read the bucket of the guest's object store: . "$XTCP2_SELF_TEST/store.bash", after lib.bash.

# shellcheck source=guest/store/keys.env
. "$XTCP2_SELF_TEST/../store/keys.env"
PATH=$PATH:$XTCP2_SELF_TEST/../bin
# Where DuckDB looks for settings.
export HOME=/run
bucket=http://127.0.0.1:9000/xtcp2
work=$(mktemp -d)
undo+=("rm -rf $work")

# s3 PATH [OPTION]...: a signed request to the bucket.
s3() { curl -sfS --aws-sigv4 aws:amz:us-east-1:s3 --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" "$bucket$1" "${@:2}"; }

# fetch: brings the objects that are new, into directories as their keys have them; one process for all. A listing has the first
# thousand: of one machine's minutes that is all.
fetch() {
  local key requests=()
  while IFS='>' read -r _ key; do
    # The signature is made of what a store makes of the path: "=" is encoded in it.
    [ -e "$work/$key" ] || requests+=("$bucket/${key//=/%3D}" -o "$work/$key")
  done < <(s3 '?list-type=2' | grep -o '<Key>[^<]*\.parquet')
  [ ${#requests[@]} -eq 0 ] || s3 "/${requests[0]#"$bucket/"}" "${requests[@]:1}" --create-dirs --fail-early
}

# query SELECT: over all rows fetched so far.
query() { duckdb -csv -noheader -c "SELECT $1 FROM read_parquet('$work/**/*.parquet')"; }

# objects: how many were fetched so far.
objects() { find "$work" -name '*.parquet' | wc -l; }

# stored: the rows there are; 0 before the first object.
stored() {
  fetch 2>&1
  if [ "$(objects)" -gt 0 ]; then query 'count(*)'; else echo 0; fi
}
