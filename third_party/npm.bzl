"""Packages of npm's registry as external repositories: fetched by curl, and checked."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# From the registry that npm is configured to take; as image/builder/npm_registry.cc has it.
_FETCH = r"""
registry=${npm_config_registry:-${NPM_CONFIG_REGISTRY:-}}
for file in "${NPM_CONFIG_USERCONFIG:-${HOME:-}/.npmrc}" /etc/npmrc; do
  [[ -z $registry && -r $file ]] || continue
  registry=$(sed -nE "s/^[[:space:]]*registry[[:space:]]*=[[:space:]]*[\"']?([^[:space:]\"']*).*/\1/p" "$file" | tail -n 1)
done
registry=${registry:-https://registry.npmjs.org}
while [[ $registry == */ ]]; do registry=${registry%/}; done
curl --fail --silent --show-error --location --netrc-optional --connect-timeout 20 --output package.tgz \
  "$registry/$PACKAGE/-/${PACKAGE##*/}-$VERSION.tgz"
wanted=$(base64 -d <<<"${INTEGRITY#sha512-}" | od -An -v -tx1 | tr -d ' \n')
sha512sum --check --quiet <<<"$wanted  package.tgz"
tar -xzf package.tgz
rm package.tgz
"""

def _npm_package_impl(ctx):
    lock = json.decode(ctx.read(ctx.attr.lock))[ctx.attr.package]
    ctx.report_progress("downloading " + ctx.attr.package)
    environment = {
        "PATH": _PATH,
        "LC_ALL": "C",
        "PACKAGE": ctx.attr.package,
        "VERSION": lock["version"],
        "INTEGRITY": lock["integrity"],
    }
    result = ctx.execute(["bash", "-euo", "pipefail", "-c", _FETCH], environment = environment)
    if result.return_code != 0:
        fail("cannot fetch the npm package %s:\n%s" % (ctx.attr.package, result.stderr + result.stdout))
    ctx.file("BUILD.bazel", 'exports_files(glob(["package/**"]))\n', executable = False)

npm_package = repository_rule(
    implementation = _npm_package_impl,
    doc = "The files of one npm package, in package/, of the version and with the integrity that a lock file names.",
    attrs = {
        "package": attr.string(mandatory = True, doc = "Name of the package."),
        "lock": attr.label(mandatory = True, allow_single_file = True, doc = "JSON: {package: {version, integrity}}."),
    },
)
