"""Packages of npm's registry as external repositories: fetched by npm itself, and checked."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

def _run(ctx, what, command, environment = {}):
    """Runs a line of bash; the build stops with its error output if it fails."""
    env = {"PATH": _PATH, "LC_ALL": "C"}
    env.update(environment)
    result = ctx.execute(["bash", "-euo", "pipefail", "-c", command], environment = env)
    if result.return_code != 0:
        fail("%s: %s:\n%s" % (ctx.attr.package, what, result.stderr + result.stdout))
    return result.stdout.strip()

def _npm_package_impl(ctx):
    lock = json.decode(ctx.read(ctx.attr.lock))[ctx.attr.package]
    ctx.report_progress("npm pack " + ctx.attr.package)
    archive = _run(
        ctx,
        "npm pack (it needs npm, of the package npm or with Node.js itself)",
        'npm pack --silent "$PACKAGE"',
        {"PACKAGE": "%s@%s" % (ctx.attr.package, lock["version"]), "HOME": ctx.os.environ.get("HOME", "/")},
    )
    integrity = _run(
        ctx,
        "sha512",
        "node -p 'require(`crypto`).createHash(`sha512`).update(require(`fs`).readFileSync(`%s`)).digest(`base64`)'" %
        archive,
    )
    if "sha512-" + integrity != lock["integrity"]:
        fail("%s: sha512-%s instead of %s" % (ctx.attr.package, integrity, lock["integrity"]))
    _run(ctx, "tar", "tar -xzf '%s'" % archive)
    ctx.delete(archive)
    ctx.file("BUILD.bazel", 'exports_files(glob(["package/**"]))\n', executable = False)

npm_package = repository_rule(
    implementation = _npm_package_impl,
    doc = "The files of one npm package, in package/, of the version and with the integrity that a lock file names.",
    attrs = {
        "package": attr.string(mandatory = True, doc = "Name of the package."),
        "lock": attr.label(mandatory = True, allow_single_file = True, doc = "JSON: {package: {version, integrity}}."),
    },
)
