"""Debian packages as external repositories: downloaded and extracted, never installed."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

def _run(ctx, what, arguments, environment = {}):
    """Runs a command and returns its standard output; the build stops with its error output if it fails."""
    env = {"PATH": _PATH, "LC_ALL": "C"}
    env.update(environment)
    result = ctx.execute(arguments, environment = env)
    if result.return_code != 0:
        fail("%s: %s:\n%s" % (ctx.attr.package, what, result.stderr + result.stdout))
    return result.stdout

def _dependency(ctx):
    """The one dependency of a metapackage whose name starts with `depends`."""
    lines = _run(ctx, "apt-cache depends", ["apt-cache", "depends", "--important", ctx.attr.package]).splitlines()
    names = [line.split("Depends: ")[1].strip() for line in lines if "Depends: " in line]
    names = [name for name in names if name.startswith(ctx.attr.depends)]
    if len(names) != 1:
        fail("%s: wanted one dependency that starts with %s, found %s; is `apt-get update` due?" %
             (ctx.attr.package, ctx.attr.depends, names))
    return names[0]

def _debian_package_impl(ctx):
    # Asked first, as it tells missing lists from every other trouble.
    known = ctx.execute(["apt-cache", "show", "--no-all-versions", ctx.attr.package], environment = {"PATH": _PATH, "LC_ALL": "C"})
    if known.return_code != 0 or known.stdout == "":
        fail(("%s is not in Debian's package lists of this machine. They are missing or too old: run " +
              "`apt-get update` as root and build again.") % ctx.attr.package)
    package = _dependency(ctx) if ctx.attr.depends else ctx.attr.package

    ctx.report_progress("apt-get download " + package)
    download = ctx.execute(["apt-get", "download", "-qq", package], environment = {"PATH": _PATH, "LC_ALL": "C"})
    if download.return_code != 0:
        fail(("cannot download the Debian package %s. If the package lists are too old (404), run " +
              "`apt-get update` as root and build again.\n%s") % (package, download.stderr))
    archives = [entry for entry in ctx.path(".").readdir() if entry.basename.endswith(".deb")]
    if len(archives) != 1:
        fail("%s: apt-get download left %d files" % (package, len(archives)))

    ctx.report_progress("extracting " + package)
    version = _run(ctx, "dpkg-deb -f", ["dpkg-deb", "-f", archives[0], "Version"]).strip()
    _run(ctx, "dpkg -x", ["dpkg", "-x", archives[0], "."])
    ctx.delete(archives[0])

    ctx.file("package.txt", package + "\n", executable = False)
    ctx.file("version.txt", version + "\n", executable = False)
    for command in ctx.attr.patch_cmds:
        _run(ctx, command, ["bash", "-euc", command], {"PACKAGE": package, "VERSION": version})
    ctx.symlink(ctx.attr.build_file, "BUILD.bazel")

debian_package = repository_rule(
    implementation = _debian_package_impl,
    doc = """The files of one Debian package, of the version that apt would install.

The root of the repository is the root of the package (usr/, boot/, lib/ ...), with package.txt (its name) and
version.txt beside. Works as an ordinary user. A newer version is fetched after `bazel sync --only=NAME`.""",
    attrs = {
        "package": attr.string(mandatory = True, doc = "Name of the package."),
        "depends": attr.string(doc = "Take instead its one dependency whose name starts so, for metapackages."),
        "patch_cmds": attr.string_list(doc = "Bash commands to run in the root, with $PACKAGE and $VERSION set."),
        "build_file": attr.label(mandatory = True, allow_single_file = True, doc = "The repository's BUILD file."),
    },
)

# Debian's own package lists name binary packages alone on most machines, so that apt gets lists of sources here, from where
# it has the others. $PACKAGE: the source's name.
_DOWNLOAD_SOURCE = """
mkdir -p lists/partial cache
apt-get indextargets --format \
  'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(RELEASE) $(COMPONENT)' \
  'Created-By: Packages' 'Origin: Debian' 'Component: main' | sort -u >sources.list
[[ -s sources.list ]] || { echo 'there are no package lists of Debian: run `apt-get update` as root and build again'; exit 1; }
options=(-qq -o Dir::Etc::SourceList="$PWD/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o Dir::State::Lists="$PWD/lists" -o Dir::Cache="$PWD/cache" -o APT::Sandbox::User="$(id -un)")
apt-get "${options[@]}" update
apt-get "${options[@]}" source --download-only "$PACKAGE"
mv -- "$PACKAGE"_*.dsc "$PACKAGE.dsc"
sed -n 's/^Version: //p' "$PACKAGE.dsc" >version.txt
rm -r -- lists cache sources.list
"""

def _debian_source_impl(ctx):
    ctx.report_progress("apt-get source " + ctx.attr.package)
    _run(ctx, "apt-get source", ["bash", "-euo", "pipefail", "-c", _DOWNLOAD_SOURCE], {"PACKAGE": ctx.attr.package})
    ctx.symlink(ctx.attr.build_file, "BUILD.bazel")

debian_source = repository_rule(
    implementation = _debian_source_impl,
    doc = """The source of one Debian package, of the newest version that this machine's sources have.

PACKAGE.dsc, for dpkg-source(1), the archives that it names, and version.txt. apt has checked their signatures. Works as an
ordinary user, and without deb-src lines in apt's sources. A newer version is fetched after `bazel sync --only=NAME`.""",
    attrs = {
        "package": attr.string(mandatory = True, doc = "Name of the source package."),
        "build_file": attr.label(mandatory = True, allow_single_file = True, doc = "The repository's BUILD file."),
    },
)
