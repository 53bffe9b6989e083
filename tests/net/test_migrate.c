/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Two whole libgodwit instances in two processes: session, TLS 1.3 and sealing by Mbed TLS, TCP by lwIP, a wire
 * that loses, repeats, reorders and corrupts. The VMs and devices are the fakes of the engine's own tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/text.h"
#include "migration/godwit.h"
#include "net/seal_port.h"
#include "net/tls_port.h"
#include "tests/fake/fake_device.h"
#include "tests/fake/fake_vm.h"
#include "tests/net/wire.h"
#include "tests/unit/net/tls_fixture.h"

#define SLICES_A_POLL 4u
#define BUSY_US	      20u      /* virtual time a host takes for one poll's work */
#define CUT_TAIL_US   4000000u /* beyond every timeout that gives the VM back */
#define RUN_ON_US     20000u   /* how long the guest must run after its last move */

/** What both processes see: the judge of "never two". The wire runs one host at a time. */
struct ledger {
	bool running[WIRE_HOST_COUNT];
	bool dma[WIRE_HOST_COUNT];
	bool listens[WIRE_HOST_COUNT];
	enum owner owner[WIRE_HOST_COUNT];
	uint64_t counter;	  /* the guest's, by whoever runs it */
	uint32_t moves;		  /* completed */
	uint32_t failures;	  /* attempts that failed with the VM back */
	uint64_t downtime_us;	  /* of the last move */
	char error[REASON_BYTES]; /* of the last failure */
};

static struct ledger *ledger;

/** What a test wants. */
static struct {
	uint32_t moves; /* there, back, there ... */
	uint32_t channels;
	bool may_fail;	     /* an attempt may fail; it is begun again */
	bool cut;	     /* the wire is cut: any outcome but two runners */
	uint32_t failures;   /* enough of them, when no move is wanted */
	const char *peer_id; /* of the destination, as the source is told */
} want;

static struct credentials files[WIRE_HOST_COUNT];
static struct tls_world worlds[WIRE_HOST_COUNT];

/* ---- one host ---- */

struct migrate_host {
	struct tls_port tls;
	struct fake_vm vm;
	struct fake_device device;
	uint64_t bitmap[GW_BITMAP_WORDS(FAKE_VM_PAGES)];
	struct gw gw;
	uint64_t settled_us;
	uint64_t begin_us;
	bool attempting;
};

static struct migrate_host self;

static void set_params(struct node *n)
{
	static const char *const names[WIRE_HOST_COUNT] = { "alpha", "beta" };
	struct migration_params params;
	char reason[REASON_BYTES];

	engine_params_get(&self.gw.engine, &params);
	(void)text_copy(params.tls_hostname, sizeof(params.tls_hostname),
		want.peer_id != NULL ? want.peer_id : names[1 - n->index]);
	(void)text_copy(params.tls_authz, sizeof(params.tls_authz), names[1 - n->index]);
	params.max_bandwidth = 0;
	params.multifd_channels = want.channels;
	params.x_round_min = 3;
	params.x_link_timeout_ms = want.cut ? 1000 : 3000;
	NODE_CHECK(n, engine_params_set(&self.gw.engine, &params, reason) == ERR_OK);
}

static void migrate_start(struct node *n)
{
	struct tls_port_config tls = credentials_config(&files[n->index], &worlds[n->index]);
	struct gw_config config;
	struct device device;
	char reason[REASON_BYTES] = "";

	NODE_CHECK(n, tls_port_init(&self.tls, &tls) == ERR_OK);
	fake_vm_init(&self.vm, 9 + n->index, n->index == 1);
	fake_device_init(&self.device, "0000:00:01.0", DEVICE_MIG_STOP_COPY, &self.vm, 1000);
	self.device.enabled = n->index == 0;
	device = fake_device(&self.device);
	config = (struct gw_config){
		.slot = "slot0",
		.host = n->host,
		.vm = fake_vm(&self.vm),
		.devices = &device,
		.device_count = 1,
		.streams = n->streams,
		.tls = tls_port_tls(&self.tls),
		.seal = seal_port_ops(),
		.bitmap = self.bitmap,
		.bitmap_words = GW_BITMAP_WORDS(FAKE_VM_PAGES),
		.own = n->index == 0,
		.autostart = true,
	};
	if (gw_init(&self.gw, &config, reason) != ERR_OK) {
		node_fail(n, "gw_init: %s", reason);
	}
	set_params(n);
	self.begin_us = 1000;
}

static void write_ledger(struct node *n)
{
	uint32_t me = n->index;

	ledger->running[me] = self.vm.running;
	ledger->dma[me] = fake_device_active(&self.device) && self.device.enabled;
	ledger->owner[me] = gw_owner(&self.gw);
	NODE_CHECK(n, !(ledger->running[0] && ledger->running[1]));
	NODE_CHECK(n, !(ledger->dma[0] && ledger->dma[1]));
	NODE_CHECK(n, !(owner_may_run(ledger->owner[0]) && owner_may_run(ledger->owner[1])));
	if (self.vm.running) {
		NODE_CHECK(n, fake_vm_counter(&self.vm) >= ledger->counter);
		ledger->counter = fake_vm_counter(&self.vm);
	}
}

/** The host that sends next. */
static uint32_t source_of(uint32_t moves)
{
	return moves % WIRE_HOST_COUNT;
}

static void begin(struct node *n)
{
	char reason[REASON_BYTES] = "";

	if (ledger->moves >= want.moves) {
		return;
	}
	if (n->index != source_of(ledger->moves)) {
		/* What the last move left may have to settle first: then it is refused, and asked again. */
		if (!self.gw.engine.incoming && gw_owner(&self.gw) != OWNER_OWN) {
			(void)engine_incoming(&self.gw.engine, "tcp:0:4444", reason);
		}
		ledger->listens[n->index] = self.gw.engine.incoming;
		return;
	}
	if (!self.attempting && n->now_us >= self.begin_us && ledger->listens[1 - n->index] &&
		gw_owner(&self.gw) == OWNER_OWN) {
		const char *uri = n->index == 0 ? "tcp:10.0.0.2:4444" : "tcp:10.0.0.1:4444";

		/* What the last move left may still have to settle. */
		if (engine_migrate(&self.gw.engine, uri, reason) == ERR_OK) {
			self.attempting = true;
		}
	}
}

static void judge(struct node *n)
{
	struct migration_info info;

	if (!self.attempting) {
		return;
	}
	engine_info(&self.gw.engine, &info);
	if (info.status == MIG_STATUS_COMPLETED) {
		NODE_CHECK(n, gw_owner(&self.gw) == OWNER_GONE);
		self.attempting = false;
		ledger->moves++;
		ledger->listens[0] = ledger->listens[1] = false; /* said again for the way back */
		ledger->downtime_us = info.downtime_us;
	} else if (info.status == MIG_STATUS_FAILED) {
		(void)text_copy(ledger->error, sizeof(ledger->error), info.error_desc);
		if (!want.may_fail && !want.cut && want.failures == 0) {
			node_fail(n, "migrate failed: %s", info.error_desc);
		}
		self.attempting = false;
		ledger->failures++;
		self.begin_us = n->now_us + 100000;
	}
}

static bool is_done(struct node *n)
{
	if (want.cut) {
		return n->now_us > n->config->cut_at_us + CUT_TAIL_US;
	}
	if (want.failures != 0) {
		return ledger->failures >= want.failures;
	}
	if (ledger->moves < want.moves || (self.gw.engine.alive && n->index == source_of(ledger->moves - 1))) {
		self.settled_us = n->now_us;
		return false;
	}
	return n->now_us - self.settled_us >= RUN_ON_US;
}

static uint64_t migrate_poll(struct node *n)
{
	uint64_t next_us = 0;

	for (uint32_t i = 0; i < SLICES_A_POLL && next_us == 0; i++) {
		next_us = gw_step(&self.gw, 0);
		write_ledger(n);
	}
	fake_vm_guest(&self.vm, 1);
	fake_device_work(&self.device);
	write_ledger(n);
	begin(n);
	judge(n);
	n->done = is_done(n);
	if (next_us <= n->now_us) {
		return BUSY_US;
	}
	return MIN(next_us - n->now_us, UINT64_C(5000));
}

static const struct wire_program migrate_program = { .start = migrate_start, .poll = migrate_poll };

/* ---- the facts ---- */

static int setup(void **state)
{
	(void)state;
	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(ledger, MAP_FAILED);
	credentials_load(&files[0], "main", "alpha");
	credentials_load(&files[1], "main", "beta");
	worlds[0] = (struct tls_world){ .random_state = 0x1111111111111111u };
	worlds[1] = (struct tls_world){ .random_state = 0x2222222222222222u };
	memset(&want, 0, sizeof(want));
	want.moves = 1;
	want.channels = 2;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return munmap(ledger, sizeof(*ledger));
}

static struct wire_config wire_of(uint64_t seed)
{
	return (struct wire_config){
		.seed = seed,
		.mtu = seed % 2 == 0 ? 9000 : 1500,
		.delay_us = 50,
		.bytes_per_us = 1000,
		.limit_us = 120000000,
		.peers_only = true,
		.host = { migrate_program, migrate_program },
	};
}

static void run(const struct wire_config *c)
{
	uint64_t us;

	memset(ledger, 0, sizeof(*ledger));
	us = wire_run(c);
	print_message("  seed %llu: %llu us, %u moves, %u failed, last downtime %llu us%s%s\n",
		(unsigned long long)c->seed, (unsigned long long)us, ledger->moves, ledger->failures,
		(unsigned long long)ledger->downtime_us, ledger->error[0] != '\0' ? ", last error: " : "",
		ledger->error);
}

static void assert_runs_at(uint32_t host)
{
	assert_true(ledger->running[host]);
	assert_true(ledger->dma[host]);
	assert_int_equal(ledger->owner[host], OWNER_OWN);
	assert_false(ledger->running[1 - host]);
	assert_int_equal(ledger->owner[1 - host], OWNER_GONE);
}

static void vm_moves_over_real_tls_and_tcp(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 2; seed++) {
		struct wire_config c = wire_of(seed);

		run(&c);
		assert_int_equal(ledger->moves, 1);
		assert_runs_at(1);
	}
}

static void vm_moves_there_and_back_on_any_number_of_channels(void **state)
{
	(void)state;
	want.moves = 4;
	for (want.channels = 1; want.channels <= CHANNEL_COUNT_MAX; want.channels *= 2) {
		struct wire_config c = wire_of(want.channels);

		run(&c);
		assert_int_equal(ledger->moves, 4);
		assert_runs_at(0);
	}
}

static void vm_moves_through_loss_reordering_and_corruption(void **state)
{
	(void)state;
	want.moves = 2;
	want.may_fail = true;
	for (uint64_t seed = 10; seed < 14; seed++) {
		struct wire_config c = wire_of(seed);

		c.loss_permille = 20;
		c.duplicate_permille = 10;
		c.corrupt_permille = 5;
		c.jitter_us = 200;
		run(&c);
		assert_int_equal(ledger->moves, 2);
		assert_runs_at(0);
	}
}

static void cut_wire_never_makes_two_and_keeps_the_vm_at_one(void **state)
{
	(void)state;
	want.cut = true;
	for (uint64_t seed = 30; seed < 38; seed++) {
		struct wire_config c = wire_of(seed);

		c.cut_at_us = 57000 + (seed - 30) * 4300;
		run(&c);
		/* Before COMMIT it is back at the source; after it, at the destination; between, with nobody until they talk. */
		assert_true(ledger->running[0] || ledger->running[1] || ledger->owner[0] == OWNER_GIVEN);
	}
}

static void destination_of_another_name_is_refused_and_the_vm_stays(void **state)
{
	struct wire_config c = wire_of(50);

	(void)state;
	want.failures = 2;
	want.peer_id = "gamma";
	run(&c);
	assert_int_equal(ledger->moves, 0);
	assert_non_null(strstr(ledger->error, "gamma"));
	assert_true(ledger->running[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(vm_moves_over_real_tls_and_tcp, setup, teardown),
		cmocka_unit_test_setup_teardown(vm_moves_there_and_back_on_any_number_of_channels, setup, teardown),
		cmocka_unit_test_setup_teardown(vm_moves_through_loss_reordering_and_corruption, setup, teardown),
		cmocka_unit_test_setup_teardown(cut_wire_never_makes_two_and_keeps_the_vm_at_one, setup, teardown),
		cmocka_unit_test_setup_teardown(
			destination_of_another_name_is_refused_and_the_vm_stays, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
