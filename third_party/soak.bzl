"""Tests with all their rounds: outside //..., run by .ci/soak."""

def soak_test(name, test, rounds, tags = []):
    """Another test's binary with more rounds than it has in //...

    Args:
      name: of the target.
      test: a cc_test that asks TestRounds (base/test_rounds.h) how often.
      rounds: what it is told.
      tags: beside those that keep it out of //...
    """
    native.sh_test(
        name = name,
        size = "enormous",
        srcs = ["//third_party:soak.sh"],
        args = [
            str(rounds),
            "$(rootpath %s)" % test,
        ],
        data = [test],
        tags = [
            "manual",
            "soak",
        ] + tags,
    )
