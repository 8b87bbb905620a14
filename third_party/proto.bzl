"""Protocol buffers compiled by the system's protoc."""

def cc_proto(name, src, deps = [], lite = True, copts = [], visibility = None):
    """A cc_library with the C++ classes of one .proto file.

    Args:
      name: of the library.
      src: the .proto file, in this package.
      deps: libraries made by cc_proto that src imports.
      lite: the small runtime (no reflection); False where JSON or text is needed.
      copts: of the generated code.
      visibility: as usual.
    """
    stem = src[:-len(".proto")]
    native.genrule(
        name = name + "_gen",
        srcs = [src],
        outs = [stem + ".pb.h", stem + ".pb.cc"],
        cmd = "/usr/bin/protoc --proto_path=. --cpp_out=%s$(GENDIR) $<" % ("lite:" if lite else ""),
        message = "Compiling protocol buffer",
    )
    native.cc_library(
        name = name,
        srcs = [stem + ".pb.cc"],
        hdrs = [stem + ".pb.h"],
        copts = ["-Wno-all", "-Wno-extra"] + copts,
        deps = deps + ["//third_party:protobuf_lite" if lite else "//third_party:protobuf"],
        visibility = visibility,
    )

def wire_golden_test(name, src, golden):
    """Whether what earlier versions wrote means the same today; see wire_golden_test.sh.

    Args:
      name: of the test.
      src: the .proto file, in this package.
      golden: messages as they were written, with what they say.
    """
    native.sh_test(
        name = name,
        size = "small",
        srcs = ["//third_party:wire_golden_test.sh"],
        args = ["$(rootpath %s)" % src, "$(rootpath %s)" % golden],
        data = [src, golden],
    )
