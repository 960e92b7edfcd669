# SPDX-License-Identifier: MIT
# Coverage of the unit tests as HTML, Markdown and JSON.
{
  gcovr,
  stdenv,
  xtcp2-coverage,
  # A directory of captures of other kernels (docs/quality.md): .override { captures = ./netlink; }
  captures ? null,
}:
xtcp2-coverage.overrideAttrs (old: {
  pname = "xtcp2-quality-report";
  XTCP2_CAPTURES = captures;
  outputs = [ "out" ];
  nativeBuildInputs = old.nativeBuildInputs ++ [ gcovr ];
  installPhase = ''
    mkdir -p $out && gcovr --gcov-executable ${stdenv.cc.cc}/bin/gcov --root .. --filter ../src/ \
      --html-details $out/index.html --markdown $out/quality-report.md --json-summary $out/quality.json .
  '';
  postInstall = "";
  meta = old.meta // {
    description = "Coverage of the unit tests as HTML, Markdown and JSON";
  };
})
