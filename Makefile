# Bazel builds everything (see CONTRIBUTING.md); this builds all guest images into dist/images/FLAVOUR.
#
#   make guest-images                                 debian, agents, and minimal as an initramfs
#   make guest-images ALPINE=--mirror=URL             alpine as well; or ALPINE=--base=FILE
FLAVOURS = minimal debian agents $(if $(ALPINE),alpine)

.PHONY: guest-images
guest-images:
	set -e; for flavour in $(FLAVOURS); do \
	  options=; if [ $$flavour = alpine ]; then options='$(ALPINE)'; fi; \
	  scripts/build-guest-image.sh $$flavour $$options; \
	done
