/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** One whole libgodwit over fakes: what the fuzzers attack. */
#ifndef TESTS_FUZZ_HOST_H
#define TESTS_FUZZ_HOST_H

#include "migration/godwit.h"
#include "tests/fake/fake_device.h"
#include "tests/fake/fake_host.h"
#include "tests/fake/fake_streams.h"
#include "tests/fake/fake_tls.h"

#define HOST_PORT  4444u
#define HOST_PAGES 600u

struct fuzz_host {
	struct fake_host host;
	struct fake_tls tls;
	struct fake_vm vm;
	struct fake_device device;
	uint64_t bitmap[GW_BITMAP_WORDS(FAKE_VM_PAGES)];
	struct gw gw;
	char reply[2u * QMP_REPLY_BYTES];
	size_t reply_bytes;
	enum owner owner_before;
	bool has_take; /* the operator asserted all-fenced */
};

/** Party n of net; own: the VM is here and runs, its RAM nearly blank. */
void host_start(struct fuzz_host *h, struct fake_net *net, uint32_t n, const char *name, bool own);
/** One command; what came back is in h->reply. */
void host_ask(struct fuzz_host *h, const char *command);
/** As host_ask; must be answered without error. */
void host_ask_ok(struct fuzz_host *h, const char *command);
/** One of the operator's commands, by number: any may come at any time. */
void host_operator(struct fuzz_host *h, uint32_t which);
/** Poll and step once, then what must hold at any time. */
void host_step(struct fuzz_host *h, struct fake_net *net, uint32_t n);
/** All peers are gone and time has passed: nothing of theirs is left. */
void host_at_rest(const struct fuzz_host *h);

#endif
