#!/usr/bin/env python3
"""count_tests.py OUTPUT TESTLOGS: prints "N passed, N failed" by test case.

OUTPUT is what `bazel test` printed: its summary names the targets that ran and how each ended. TESTLOGS is
bazel-testlogs, where each has a test.xml with its cases (GoogleTest's own; Bazel writes one case for a shell test).
A target that did not pass counts at least one failure, with or without a test.xml. Exit status 1 when nothing ran.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree

SUMMARY = re.compile(
    r"^//(?P<package>[^:\s]*):(?P<name>\S+)\s+(\(cached\)\s+)?"
    r"(?P<status>PASSED|FLAKY|FAILED TO BUILD|FAILED|TIMEOUT|NO STATUS|INCOMPLETE)\b")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def count_cases(path):
    """(passed, failed) of one test.xml; (0, 0) when there is none to read."""
    try:
        cases = list(xml.etree.ElementTree.parse(path).iter("testcase"))
    except (OSError, xml.etree.ElementTree.ParseError):
        return 0, 0
    ran = [case for case in cases if case.get("status") != "notrun" and case.find("skipped") is None]
    failed = sum(1 for case in ran if case.find("failure") is not None or case.find("error") is not None)
    return len(ran) - failed, failed


def main():
    output, logs = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    statuses = {}
    for line in output.read_text(errors="replace").splitlines():
        match = SUMMARY.match(COLOUR.sub("", line))
        if match:
            statuses[match["package"], match["name"]] = match["status"]
    passed = failed = 0
    for (package, name), status in statuses.items():
        ran = status not in ("FAILED TO BUILD", "NO STATUS")
        # Sharded and repeated tests have one file for each part in folders below.
        files = list((logs / package / name).glob("**/test.xml")) if ran else []
        counts = [count_cases(file) for file in files]
        target_passed = sum(count[0] for count in counts)
        target_failed = sum(count[1] for count in counts)
        if status == "PASSED" or status == "FLAKY":
            # A test that leaves no cases behind is one case.
            passed += target_passed or 1
            failed += target_failed
        else:
            passed += target_passed
            failed += target_failed or 1
    print(f"{passed} passed, {failed} failed")
    return 0 if passed + failed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
