"""clang-tidy as an aspect: a file is read again only when it, a header that it may include or .clang-tidy changed."""

# Debian's clang-tidy, by the PATH of .bazelrc. What it says is printed only if it found a fault: the count of warnings
# that it does not show is no news.
_COMMAND = """\
report=$(clang-tidy --quiet "$2" -- -x c++ "${@:3}" 2>/dev/null) || { printf '%s\\n' "$report"; exit 1; }
: >"$1"
"""

def _tidy_one(ctx, source, headers, context):
    # Named by the file's path: two targets of a folder may have the same source.
    report = ctx.actions.declare_file("%s.%s.tidy" % (ctx.label.name, source.path.replace("/", "_")))
    args = ctx.actions.args()
    args.add(report)
    args.add(source)
    args.add("-std=c++20")
    args.add("-Wno-everything")

    # Generated headers are no business of ours.
    args.add("-iquote", ".")
    args.add("-isystem", ctx.bin_dir.path)
    args.add_all(context.includes, before_each = "-I")
    args.add_all(context.system_includes, before_each = "-isystem")
    args.add_all(context.defines, format_each = "-D%s")
    ctx.actions.run_shell(
        inputs = depset([source] + headers + ctx.files._config, transitive = [context.headers]),
        outputs = [report],
        command = _COMMAND,
        arguments = [args],
        mnemonic = "ClangTidy",
        progress_message = "Running clang-tidy on " + source.short_path,
        use_default_shell_env = True,
    )
    return report

def _tidy_impl(target, ctx):
    if ctx.rule.kind not in ["cc_binary", "cc_library", "cc_test"]:
        return []

    # Of the target itself or, since a binary has none, of what it is made of.
    infos = [target[CcInfo]] if CcInfo in target else [dep[CcInfo] for dep in ctx.rule.attr.deps if CcInfo in dep]
    files = [file for attribute in ctx.rule.attr.srcs for file in attribute.files.to_list()]

    # Tests cost several seconds each for GoogleTest's headers alone.
    reports = [
        _tidy_one(
            ctx,
            file,
            [header for header in files if header.extension == "h"],
            cc_common.merge_cc_infos(cc_infos = infos).compilation_context,
        )
        for file in files
        if file.extension == "cc" and file.is_source and not file.basename.endswith("_test.cc")
    ]
    return [OutputGroupInfo(tidy = depset(reports))]

tidy = aspect(
    implementation = _tidy_impl,
    attrs = {"_config": attr.label(default = "//:.clang-tidy", allow_single_file = True)},
    doc = "Runs clang-tidy over the C++ sources of a target: ./bazelw build --config=tidy //...",
)
