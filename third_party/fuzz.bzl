"""Fuzz targets: replayed in every test run, explored with libFuzzer under --config=asan."""

def fuzz_test(name, srcs, corpus = [], deps = [], **kwargs):
    """A test NAME that replays a corpus, and a libFuzzer binary NAME_libfuzzer.

    The test runs every file of the corpus, and mutations of each that are the same in every run. To look for new
    inputs:
      bazel run --config=asan //package:NAME_libfuzzer -- $PWD/package/corpus_directory

    Args:
      name: of the test.
      srcs: what defines `extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)`.
      corpus: files, as glob(["NAME_corpus/*"]).
      deps: of srcs.
      **kwargs: for both.
    """
    native.cc_library(
        name = name + "_target",
        testonly = True,
        srcs = srcs,
        deps = deps,
        alwayslink = True,
        **kwargs
    )
    native.filegroup(
        name = name + "_corpus",
        srcs = corpus,
    )
    native.cc_test(
        name = name,
        args = ["$(rootpaths :%s_corpus)" % name] if corpus else [],
        data = [":%s_corpus" % name],
        deps = [
            ":%s_target" % name,
            "//third_party:fuzz_replay_main",
        ],
        **kwargs
    )
    native.cc_binary(
        name = name + "_libfuzzer",
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = [":%s_target" % name],
    )
