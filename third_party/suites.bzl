"""The test suites of a folder, which those at the root (//:unit, //:vm, //:slow) collect."""

def suites():
    """Declares :unit, :vm and :slow with this folder's tests, by their tags; each test is in one of them.

    Once in each BUILD file with tests, which the BUILD file at the root lists.
    """
    native.test_suite(
        name = "unit",
        tags = [
            "-slow",
            "-vm",
        ],
        visibility = ["//:__pkg__"],
    )
    native.test_suite(
        name = "vm",
        tags = ["vm"],
        visibility = ["//:__pkg__"],
    )
    native.test_suite(
        name = "slow",
        tags = [
            "-vm",
            "slow",
        ],
        visibility = ["//:__pkg__"],
    )
