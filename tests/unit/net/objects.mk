# SPDX-License-Identifier: BSD-2-Clause-Patent

unit-tests += tests/unit/net/test_arena
unit-tests += tests/unit/net/test_filter
unit-tests += tests/unit/net/test_seal_port
unit-tests += tests/unit/net/test_tls_port
tests/unit/net/test_tls_port-src := tests/unit/net/tls_fixture.c

# Good and bad credentials, made afresh when tools/pki.sh changes or after `make clean`.
$(B)/test-pki/stamp: tools/pki.sh
	@mkdir -p $(@D)
	@{ tools/pki.sh ca $(@D)/main && tools/pki.sh ca $(@D)/other "Another CA" && \
		tools/pki.sh host $(@D)/main alpha && tools/pki.sh host $(@D)/main beta && \
		tools/pki.sh host $(@D)/main expired --expired && \
		tools/pki.sh host $(@D)/main only-source --role source && \
		tools/pki.sh host $(@D)/main only-destination --role destination && \
		tools/pki.sh host $(@D)/main no-role --role none && \
		tools/pki.sh host $(@D)/other mallory; } >$(@D)/log || { cat $(@D)/log; exit 1; }
	@touch $@

$(foreach v,host host-clang host-fast,$(B)/$v/tests/unit/net/test_tls_port): | $(B)/test-pki/stamp
