# SPDX-License-Identifier: MIT
# The package instrumented for gcov. Output "gcno" keeps what turns counters into
# lines: the notes and the sources, below the paths that the counters name.
{ xtcp2 }:
xtcp2.overrideAttrs (old: {
  pname = "xtcp2-coverage";
  outputs = old.outputs ++ [ "gcno" ];
  mesonBuildType = "debug";
  # As ci/coverage builds it.
  mesonFlags = old.mesonFlags ++ [
    "-Db_coverage=true"
    "-Dc_args=-fprofile-update=atomic"
  ];
  # Fortify wants optimization, stripping would take the counters' symbols.
  hardeningDisable = [ "all" ];
  dontStrip = true;
  meta = old.meta // {
    description = "${old.meta.description}, instrumented for gcov";
  };
  postInstall = ''
    mkdir -p $gcno && find . -name '*.gcno' -exec cp --parents -t $gcno {} +
    cp -r ../src ../proto $gcno/
  '';
})
