"""Binaries under a sanitizer inside a build that is not."""

# As //.bazelrc's config asan.
_OPTIONS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]

def _asan_settings(settings, _attr):
    return {
        "//command_line_option:copt": settings["//command_line_option:copt"] + _OPTIONS + ["-O1"],
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
