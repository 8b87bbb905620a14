"""Tests that need KVM: run natively where it works, else in the emulated KVM host."""

VM_TAGS = [
    "vm",
    "local",
    "no-sandbox",
]

def vm_test(name, srcs, deps = [], data = [], args = [], size = "large", tags = [], defines = [], **kwargs):
    """A GoogleTest binary that runs as root on a machine with KVM.

    TEST_TMPDIR, TEST_SRCDIR and the data are there as usual; the working directory is the runfiles' root. Files of the
    outer machine are read-only but for $VOIDBOX_HOME.

    Args:
      name: of the test.
      srcs: of the binary.
      deps: of the binary, beside GoogleTest's main.
      data: files that it opens at run time.
      args: of the binary.
      size: of the test; a start of the host takes seconds, a guest's boot in it some more.
      tags: beside VM_TAGS.
      defines: of the binary's sources.
      **kwargs: for the test.
    """
    native.cc_binary(
        name = name + "_inside",
        testonly = True,
        srcs = srcs,
        data = data,
        local_defines = defines,
        deps = deps + ["//third_party:gtest_main"],
    )
    native.sh_test(
        name = name,
        size = size,
        srcs = ["//tests:run_in_host.sh"],
        args = [
            "$(rootpath //tools:voidbox)",
            "$(rootpath :%s_inside)" % name,
        ] + args,
        data = data + [
            ":%s_inside" % name,
            "//tools:voidbox",
        ],
        tags = VM_TAGS + tags,
        **kwargs
    )
