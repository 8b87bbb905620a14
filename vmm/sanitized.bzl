"""Binaries under a sanitizer inside a build that is not."""

# As //.bazelrc's config asan.
_OPTIONS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]

# GCC 14 takes no function's address for a constant expression under these, which Abseil 20240722 has some of (Debian 13).
# A null pointer that is used ends the program all the same.
_NOT_WITH_GCC_14 = ["-fno-sanitize=null,nonnull-attribute,returns-nonnull-attribute"]

def _asan_settings(settings, _attr):
    copts = settings["//command_line_option:copt"] + _OPTIONS + ["-O1"]
    if "debian_13" in settings["//command_line_option:features"]:
        copts += _NOT_WITH_GCC_14
    return {
        "//command_line_option:copt": copts,
        "//command_line_option:linkopt": settings["//command_line_option:linkopt"] + _OPTIONS,
        # The sanitizers' libraries are shared ones.
        "//command_line_option:features": settings["//command_line_option:features"] + ["-fully_static_link"],
    }

_asan = transition(
    implementation = _asan_settings,
    inputs = [
        "//command_line_option:copt",
        "//command_line_option:features",
        "//command_line_option:linkopt",
    ],
    outputs = [
        "//command_line_option:copt",
        "//command_line_option:features",
        "//command_line_option:linkopt",
    ],
)

def _asan_binary_impl(ctx):
    binary = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = binary, target_file = ctx.executable.binary, is_executable = True)
    return [DefaultInfo(executable = binary, files = depset([binary]))]

asan_binary = rule(
    implementation = _asan_binary_impl,
    doc = "`binary`, built with AddressSanitizer and UndefinedBehaviorSanitizer, dynamically linked.",
    attrs = {
        "binary": attr.label(cfg = _asan, executable = True, mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    executable = True,
)
