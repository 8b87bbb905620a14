"""How what goes into the guest agent is compiled: every guest pays for its bytes."""

# Nothing here throws, and what cannot be caught needs no tables to unwind by; frame pointers are kept for profilers.
SMALL = [
    "-Os",
    "-fno-exceptions",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
]
