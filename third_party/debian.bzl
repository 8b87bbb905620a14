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
