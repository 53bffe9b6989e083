# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# The real lwIP and Mbed TLS in two processes over a wire that the test owns.

net-tests := tests/net/test_transport tests/net/test_migrate
net-tests-common := tests/net/node.c tests/net/wire.c

host-progs += $(net-tests)
tests/net/test_transport-src := tests/net/test_transport.c $(net-tests-common)
tests/net/test_transport-ldlibs := -lcmocka
tests/net/test_migrate-src := tests/net/test_migrate.c tests/unit/net/tls_fixture.c $(net-tests-common)
tests/net/test_migrate-ldlibs := -lcmocka

$(foreach v,host host-clang host-fast,$(B)/$v/tests/net/test_migrate): | $(B)/test-pki/stamp

test-targets += test-net

## Two processes, real TCP and TLS, over a wire with loss and reordering
test-net: $(addprefix $(B)/host/,$(net-tests))
	@! nm -u $(B)/host/lib/lib{net,mbedtls,lwip}.a | grep -wE 'U (malloc|calloc|realloc|free|printf|snprintf|rand)' || \
		{ echo "test-net: the packages reach for a heap or a C library that the image has not"; exit 1; }
	@tools/run-tests.py unit --name test-net $(addprefix $(B)/host/,$(net-tests))

.PHONY: test-net
