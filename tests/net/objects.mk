# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# The real lwIP and Mbed TLS in two processes over a wire that the test owns.

net-tests := tests/net/test_transport
net-tests-common := tests/net/node.c tests/net/wire.c

host-progs += $(net-tests)
$(foreach t,$(net-tests),$(eval $t-src := $t.c $(net-tests-common))$(eval $t-ldlibs := -lcmocka))

test-targets += test-net

## Two processes, real TCP and TLS, over a wire with loss and reordering
test-net: $(addprefix $(B)/host/,$(net-tests))
	@tools/run-tests.py unit --name test-net $(addprefix $(B)/host/,$(net-tests))

.PHONY: test-net
