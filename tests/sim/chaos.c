/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Faults that come at a moment: partitions, cuts, power, clocks, poison, strangers, guests that end. */
#include <string.h>

#include "core/base/text.h"
#include "tests/sim/trace.h"
#include "tests/sim/world.h"

/* ---- strangers ---- */

static void stranger_connected(void *owner, stream_id s)
{
	(void)owner;
	(void)s;
}

static bool stranger_accepted(void *owner, stream_id s, const struct net_addr *peer)
{
	(void)owner;
	(void)s;
	(void)peer;
	return false;
}

static void stranger_received(void *owner, stream_id s, const uint8_t *bytes, size_t len_bytes)
{
	(void)owner;
	(void)s;
	(void)bytes;
	(void)len_bytes;
}

static void stranger_released(void *owner, stream_id s, uint32_t cookie)
{
	(void)owner;
	(void)s;
	(void)cookie;
}

static void stranger_ended(void *owner, stream_id s, enum stream_end how)
{
	(void)s;
	if (how != STREAM_END_FIN) {
		((struct stranger *)owner)->used = false;
	}
}

static void stranger_begin(struct world *w)
{
	static const struct stream_events events = { stranger_connected, stranger_accepted, stranger_received,
		stranger_released, stranger_ended };
	struct streams net = wire_streams(&w->wire, WIRE_STRANGER);
	uint32_t to = (uint32_t)chance_below(&w->chance, w->plan.host_count);
	struct net_addr addr = wire_addr(to, WORLD_PORT);

	for (uint32_t i = 0; i < WORLD_STRANGERS; i++) {
		struct stranger *s = &w->strangers[i];

		if (!s->used && net.ops->connect(net.ctx, &addr, &events, s, &s->stream) == ERR_OK) {
			s->used = true;
			s->said = 0;
			s->kind = (uint32_t)chance_below(&w->chance, 5);
			s->next_us = w->now_us + chance_scale(&w->chance, 100, 100000);
			journal_line(
				&w->journal, JOURNAL_WORLD, "* a stranger of kind %u calls %c", s->kind, "ABC"[to]);
			trace_fault(host_owner(&w->hosts[to]), FAULT_STRANGER);
			return;
		}
	}
}

/* Kinds: says nothing; noise; noise that begins as TLS, or as a frame; what a data channel once said. */
static void stranger_speak(struct world *w, struct stranger *s)
{
	struct streams net = wire_streams(&w->wire, WIRE_STRANGER);
	uint8_t bytes[WIRE_KEEP];
	size_t len = chance_range(&w->chance, 1, sizeof(bytes));

	s->next_us = w->now_us + chance_scale(&w->chance, 1000, 3000000);
	s->said++;
	if (s->said > 6) {
		net.ops->abort(net.ctx, s->stream);
		s->used = false;
		return;
	}
	for (size_t i = 0; i < len; i++) {
		bytes[i] = (uint8_t)chance_u64(&w->chance);
	}
	if (s->kind == 4 && w->wire.kept_bytes > 0) {
		len = w->wire.kept_bytes;
		memcpy(bytes, w->wire.kept, len);
	} else if (s->said == 1 && s->kind >= 2) {
		bytes[0] = s->kind == 2 ? 0x16 : 0x47;
	}
	if (s->kind != 0) {
		(void)net.ops->send_copy(net.ctx, s->stream, bytes, len); /* as lost, if it is not taken */
	}
}

/* ---- moments ---- */

static void partition_begin(struct world *w)
{
	uint32_t a = (uint32_t)chance_below(&w->chance, w->plan.host_count);
	uint32_t b = (a + 1u + (uint32_t)chance_below(&w->chance, w->plan.host_count - 1u)) % w->plan.host_count;
	uint64_t us = chance_scale(&w->chance, 1000, chance_one_in(&w->chance, 3) ? 40000000 : 2000000);

	w->wire.apart[a][b] = true;
	w->wire.apart[b][a] = !chance_one_in(&w->chance, 3);
	w->partition_us = w->now_us + us;
	journal_line(&w->journal, JOURNAL_WORLD, "* nothing from %c to %c%s for %llu us", "ABC"[a], "ABC"[b],
		w -> wire.apart[b][a] ? ", nor back," : "", (unsigned long long)us);
	trace_fault(host_owner(&w->hosts[a]), FAULT_PARTITION);
	trace_fault(host_owner(&w->hosts[b]), FAULT_PARTITION);
}

static void clock_jump(struct world *w, struct sim_host *h)
{
	uint64_t us = chance_scale(&w->chance, 100, 20000000);
	uint64_t host_us = host_time_us(h);

	h->clock_us = host_us + us;
	h->boot_us = w->now_us;
	h->ppm = (int64_t)chance_below(&w->chance, 400001) - 200000;
	h->wake_us = w->now_us;
	journal_line(&w->journal, h->index, "* the clock jumps by %llu us", (unsigned long long)us);
}

/* The host's identity is not what it should be, for handshakes that begin now. */
static void cert_spoil(struct world *w, struct sim_host *h)
{
	static const char *const names[] = { "alpha", "beta", "gamma", "mallory" };
	struct fake_credentials *own = &h->tls.own;
	uint64_t kind = chance_below(&w->chance, h->gw->session.own_known ? 9 : 7); /* its own name it asks once */

	h->cert_us = w->now_us + chance_scale(&w->chance, 100000, 20000000);
	switch (kind) {
	case 0:
		own->expired = true;
		break;
	case 1:
		own->none = true;
		break;
	case 2:
		own->no_source_role = true;
		break;
	case 3:
		own->no_destination_role = true;
		break;
	case 4:
		own->tls12 = true;
		break;
	case 5:
		own->silent = true;
		break;
	case 6:
		(void)text_copy(own->ca, sizeof(own->ca), "other");
		break;
	default:
		(void)text_copy(own->id, sizeof(own->id), names[chance_below(&w->chance, 4)]);
		break;
	}
	journal_line(&w->journal, h->index, "* a bad certificate, kind %u", (unsigned)kind);
}

static void cert_mend(struct sim_host *h)
{
	h->tls.own = h->cert;
	h->cert_us = 0;
}

static void guest_end(struct world *w, struct sim_host *h)
{
	if (!h->guest.running || h->guest.owner != OWNER_OWN) {
		return;
	}
	/* The vCPUs are parked already when the engine hears of it. */
	guest_execute(&h->guest);
	journal_line(&w->journal, h->index, "* the guest ends");
	h->guest.guest_ns = guest_time_ns(&h->guest);
	h->guest.running = false;
	ledger_stands(&w->ledger, h->index);
	trace_host(h->index);
	gw_vm_event(h->gw, chance_one_in(&w->chance, 2) ? VM_SHUTDOWN : VM_INTERNAL_ERROR);
	trace_host(UINT32_MAX);
	w->op.gave_up = true;
}

static void moment(struct world *w, enum plan_fault fault, struct sim_host *h)
{
	if (!h->powered) {
		return;
	}
	switch (fault) {
	case FAULT_PARTITION:
		if (w->partition_us == 0) {
			partition_begin(w);
		}
		return;
	case FAULT_CUT:
		journal_line(&w->journal, h->index, "* connections are cut");
		wire_cut(&w->wire, h->index, chance_one_in(&w->chance, 2));
		break;
	case FAULT_RESTART:
		trace_fault(h->guest.owner, fault);
		host_power_off(h);
		h->on_us = w->now_us + chance_scale(&w->chance, 1000, 20000000);
		return;
	case FAULT_CLOCK:
		clock_jump(w, h);
		break;
	case FAULT_POISON:
		h->guest.poisoned = chance_below(&w->chance, w->plan.page_count);
		journal_line(&w->journal, h->index, "* page %llu is poisoned", (unsigned long long)h->guest.poisoned);
		break;
	case FAULT_STRANGER:
		stranger_begin(w);
		return;
	case FAULT_CERT:
		if (h->cert_us == 0) {
			cert_spoil(w, h);
		}
		break;
	case FAULT_GUEST_END:
		if (chance_one_in(&w->chance, 4)) {
			guest_end(w, h);
		}
		break;
	case FAULT_CANCEL:
		operator_meddles(w, h->index);
		break;
	default:
		return;
	}
	trace_fault(h->guest.owner, fault);
}

/* One of the kinds that this seed has. */
static void any_moment(struct world *w, struct sim_host *h)
{
	static const enum plan_fault kinds[] = { FAULT_PARTITION, FAULT_CUT, FAULT_RESTART, FAULT_CLOCK, FAULT_POISON,
		FAULT_STRANGER, FAULT_GUEST_END, FAULT_CANCEL, FAULT_CERT };
	enum plan_fault here[sizeof(kinds) / sizeof(kinds[0])];
	uint32_t count = 0;

	for (uint32_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (plan_has(&w->plan, kinds[i])) {
			here[count++] = kinds[i];
		}
	}
	if (count != 0) {
		moment(w, here[chance_below(&w->chance, count)], h);
	}
}

uint64_t chaos_next_us(const struct world *w)
{
	uint64_t next = w->quiet ? UINT64_MAX : w->chaos_us;

	if (w->partition_us != 0 && w->partition_us < next) {
		next = w->partition_us;
	}
	for (uint32_t i = 0; i < WORLD_STRANGERS; i++) {
		if (w->strangers[i].used && w->strangers[i].next_us < next) {
			next = w->strangers[i].next_us;
		}
	}
	return next;
}

void chaos_step(struct world *w)
{
	if (w->partition_us != 0 && w->now_us >= w->partition_us) {
		w->partition_us = 0;
		memset(w->wire.apart, 0, sizeof(w->wire.apart));
		journal_line(&w->journal, JOURNAL_WORLD, "the network is whole again");
	}
	for (uint32_t i = 0; i < w->plan.host_count; i++) {
		if (w->hosts[i].cert_us != 0 && w->now_us >= w->hosts[i].cert_us) {
			cert_mend(&w->hosts[i]);
		}
	}
	for (uint32_t i = 0; i < WORLD_STRANGERS; i++) {
		if (w->strangers[i].used && w->now_us >= w->strangers[i].next_us) {
			stranger_speak(w, &w->strangers[i]);
		}
	}
	if (!w->quiet && w->now_us >= w->chaos_us) {
		w->chaos_us = w->now_us + 1 + chance_below(&w->chance, 2 * w->chaos_every_us);
		any_moment(w,
			&w->hosts[w->chaos_host < w->plan.host_count ? w->chaos_host
								     : chance_below(&w->chance, w->plan.host_count)]);
		w->chaos_host = LEDGER_NOBODY;
	}
}

void chaos_owner_changed(struct world *w, struct sim_host *h)
{
	enum owner owner = h->guest.owner;
	bool late = owner == OWNER_HELD || owner == OWNER_GIVEN || owner == OWNER_GONE || owner == OWNER_READY ||
		    owner == OWNER_TAKEN;

	if (!w->quiet && chance_one_in(&w->chance, late ? w->late_one_in : 10)) {
		w->chaos_us = w->now_us + chance_scale(&w->chance, 1, 8 * w->plan.way.latency_us + 500);
		w->chaos_host = chance_one_in(&w->chance, 2) ? h->index : LEDGER_NOBODY;
	}
}

void chaos_end(struct world *w)
{
	w->partition_us = 0;
	wire_heal(&w->wire);
	w->wire.way.latency_us = 200;
	w->wire.way.jitter_us = 100;
	w->wire.way.rate = 200000000;
	w->plan.arc_us = 200;
	w->plan.pattern = GUEST_HOT;
	w->plan.writes_per_s = 500;
	for (uint32_t i = 0; i < w->plan.host_count; i++) {
		struct sim_host *h = &w->hosts[i];

		if (h->powered) {
			h->guest.poisoned = UINT64_MAX;
			cert_mend(h);
			if (h->shape != 0) { /* set up right at last */
				host_power_off(h);
				h->on_us = w->now_us + 1000u;
			}
		} else if (h->on_us > w->now_us + 1000000u) {
			h->on_us = w->now_us + 1000000u;
		}
		if (h->store.busy && h->store.done_us > w->now_us + 100000u) {
			h->store.done_us = w->now_us + 100000u;
		}
	}
}
