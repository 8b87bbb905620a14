"""How what goes into the guest agent is compiled, see //base:small.bzl."""

load("//base:small.bzl", _SMALL = "SMALL")

SMALL = _SMALL
