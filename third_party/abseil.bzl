"""Which of Abseil's libraries are installed: each release of Debian has another set of them."""

_DIRECTORY = "/usr/lib/x86_64-linux-gnu"
_PREFIX = "libabsl_"

def _installed_abseil_impl(ctx):
    names = [entry.basename for entry in ctx.path(_DIRECTORY).readdir()]
    names = sorted([name[len(_PREFIX):-2] for name in names if name.startswith(_PREFIX) and name.endswith(".a")])
    if not names:
        fail("no %s/%s*.a: the package libabsl-dev is missing; ./bazelw installs it" % (_DIRECTORY, _PREFIX))
    ctx.file("libraries.bzl", "INSTALLED = " + repr(names) + "\n", executable = False)
    ctx.file("BUILD.bazel", "", executable = False)

installed_abseil = repository_rule(
    implementation = _installed_abseil_impl,
    doc = "libraries.bzl with INSTALLED: the names behind -labsl_. Asked anew with each start of Bazel's server.",
    local = True,
)
