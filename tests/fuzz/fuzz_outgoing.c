/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A whole source (session, engine, QMP) whose destination, with right credentials, says what the input wants. Left alone
 * the destination does its part; steps take parts away, add others, edit what is said, cut and reconnect.
 *
 * What must hold: the VM is given only to READY with the source's own digest, gone only after TAKEN, scrubbed only after
 * RUNNING, and comes back from GIVEN only by DECLINED or by an operator who asserted all-fenced.
 */
#include <string.h>

#include "migration/ctrl.h"
#include "tests/fake/sha256.h"
#include "tests/fuzz/host.h"
#include "tests/fuzz/puppet.h"

#define CTRL_HEAD_BYTES 36u
#define REST_STEPS	45u

/* What the puppet does by itself. */
enum habit {
	HABIT_ANSWER = 1 << 0,
	HABIT_JOINED = 1 << 1,
	HABIT_CREDIT = 1 << 2,
	HABIT_PREPARED = 1 << 3,
	HABIT_READY = 1 << 4,
	HABIT_TAKEN = 1 << 5,
	HABIT_RUNNING = 1 << 6,
	HABIT_SETTLED = 1 << 7,
	HABIT_PONG = 1 << 8,
	HABIT_BYE = 1 << 9,
	HABIT_ALL = (1 << 10) - 1,
};

struct said {
	struct attempt attempt;
	uint32_t epoch, channels, joined_told;
	uint64_t granted, taken;
	bool open, ready_equal, ready_sent, has_taken, running, declined, unproved;
};

static struct {
	struct fake_net net;
	struct fuzz_host host;
	struct puppet puppet;
	struct said said;
	uint32_t habits;
} w, fresh;
static bool is_ready;

static void say_ctrl(uint16_t type, const uint8_t *digest, uint64_t d)
{
	struct puppet *p = &w.puppet;
	struct engine *e = &w.host.gw.engine;
	struct ctrl m = {
		.type = type,
		.number = w.said.attempt.number,
		.source_boot = w.said.attempt.source_boot,
		.random = w.said.attempt.random,
		.gen = w.said.attempt.gen,
		.epoch = w.said.epoch,
		.flags = (uint32_t)d & CTRL_FLAGS,
		.boot = 0xb007,
		.time = d,
		.text = "fuzz",
	};
	uint8_t bytes[CTRL_BYTES_MAX];

	memcpy(m.digest, digest, HASH_BYTES);
	puppet_say(p, type, bytes, ctrl_encode(&m, bytes));
	/* An edit may have made another one of it: what counts is what was said. */
	w.said.declined = w.said.declined || type == CTRL_DECLINED || p->edited;
	w.said.has_taken = w.said.has_taken || type == CTRL_TAKEN || p->edited;
	w.said.running = w.said.running || type == CTRL_RUNNING || p->edited;
	w.said.ready_equal =
		w.said.ready_equal || p->edited ||
		(type == CTRL_READY && memcmp(p->last + CTRL_HEAD_BYTES + 8, e->src.digest, HASH_BYTES) == 0);
}

/* Owner changes by the table, and only with what the table asks for. */
static void judge(enum owner before)
{
	enum owner now = gw_owner(&w.host.gw);

	if (before == now) {
		return;
	}
	if (now == OWNER_GIVEN) {
		HOLDS(before == OWNER_HELD && w.said.ready_equal);
	}
	if (now == OWNER_GONE) {
		HOLDS(before == OWNER_GIVEN && w.said.has_taken);
	}
	if ((before == OWNER_GIVEN || before == OWNER_GONE) && now == OWNER_OWN) {
		HOLDS((before == OWNER_GIVEN && w.said.declined) || w.host.has_take);
	}
}

static void hello_came(const uint8_t *bytes, size_t len_bytes)
{
	struct puppet *p = &w.puppet;
	uint8_t out[MESSAGE_PAYLOAD_MAX], proof[HASH_BYTES] = { 0 };
	struct writer writer = writer_over(out, sizeof(out));
	char reason[REASON_BYTES];
	struct hello h;

	HOLDS(hello_read(bytes, len_bytes, &h, reason) == ERR_OK);
	w.said.attempt = h.attempt;
	w.said.epoch = h.epoch;
	w.said.open = false;
	w.said.joined_told = 0;
	w.said.granted = 0;
	w.said.ready_sent = false;
	if ((w.habits & HABIT_ANSWER) == 0) {
		return;
	}
	if (h.kind == HELLO_NEW) {
		w.said.channels = h.channel_count;
		answer_write(&writer, &(struct answer){ .version = 1,
					      .channel_count = h.channel_count,
					      .epoch = 1,
					      .boot = 0xb007,
					      .bytes = h.bytes,
					      .len_bytes = h.len_bytes });
		puppet_say(p, MESSAGE_ANSWER, out, writer.len_bytes);
		memset(&p->transcript, 0, sizeof(p->transcript));
		fake_sha256_of(bytes, len_bytes, p->transcript.source_hello);
		fake_sha256_of(p->last, p->last_len, p->transcript.destination_hello);
		memcpy(p->transcript.source_id, "alpha", 6);
		memcpy(p->transcript.destination_id, "beta", 5);
		puppet_keys(p);
		return;
	}
	if (h.kind == HELLO_RESUME && p->has_secret && !w.said.unproved) {
		HOLDS(keys_proof(&p->tls, w.host.gw.session.seal, p->id, p->secret, &h.attempt, h.epoch,
			      TLS_DESTINATION, proof) == ERR_OK);
	}
	resumed_write(&writer, &(struct resumed){ .version = 1,
				       .proved = h.kind == HELLO_RESUME && p->has_secret && !w.said.unproved,
				       .epoch = h.epoch,
				       .boot = 0xb007 });
	memcpy(out + writer.len_bytes - HASH_BYTES, proof, HASH_BYTES);
	puppet_say(p, MESSAGE_RESUMED, out, writer.len_bytes);
}

static void on_message(struct puppet *p, uint16_t type, const uint8_t *bytes, size_t len_bytes)
{
	static const uint8_t none[HASH_BYTES];
	struct ctrl m;

	if (type == MESSAGE_HELLO) {
		hello_came(bytes, len_bytes);
	} else if (type == MESSAGE_PING && (w.habits & HABIT_PONG) != 0) {
		puppet_say(p, MESSAGE_PONG, bytes, len_bytes);
	} else if (type == MESSAGE_BYE && (w.habits & HABIT_BYE) != 0) {
		puppet_say(p, MESSAGE_BYE, NULL, 0);
	}
	if (type > MESSAGE_ENGINE_MAX) {
		return;
	}
	HOLDS(ctrl_decode(type, bytes, len_bytes, &m) == ERR_OK);
	w.said.taken++;
	if (type == CTRL_PREPARE && (w.habits & HABIT_PREPARED) != 0) {
		say_ctrl(CTRL_PREPARED, none, 0);
	} else if (type == CTRL_COMMIT || (type == CTRL_STATUS && w.said.has_taken)) {
		if ((w.habits & HABIT_TAKEN) != 0) {
			say_ctrl(CTRL_TAKEN, none, 0);
		}
		if ((w.habits & HABIT_RUNNING) != 0) {
			say_ctrl(CTRL_RUNNING, none, 0);
		}
	} else if (type == CTRL_STATUS) {
		say_ctrl(CTRL_READY, w.host.gw.engine.src.digest, 0);
	} else if (type == CTRL_RETIRED && (w.habits & HABIT_SETTLED) != 0) {
		say_ctrl(CTRL_SETTLED, none, 0);
	} else if (type == CTRL_ABORT) {
		say_ctrl(CTRL_DECLINED, none, 0);
	}
}

/* What falls due without a message. */
static void habits(void)
{
	struct puppet *p = &w.puppet;
	uint8_t bytes[10u + 10u * LINK_STREAM_COUNT];

	if (!p->established) {
		return;
	}
	if ((w.habits & HABIT_JOINED) != 0 && p->keyed && w.said.joined_told < p->accepted && w.said.epoch == 1) {
		w.said.joined_told = p->accepted;
		store_le32(bytes, w.said.joined_told);
		puppet_say(p, MESSAGE_JOINED, bytes, 4);
		w.said.open = w.said.joined_told >= w.said.channels;
	}
	if ((w.habits & HABIT_CREDIT) != 0 && w.said.open && w.said.granted < w.host.gw.session.stats.sent_frames + 2) {
		w.said.granted = w.host.gw.session.stats.sent_frames + 8;
		store_le64(bytes, w.said.taken + CTRL_QUEUE_COUNT);
		store_le16(bytes + 8, LINK_STREAM_COUNT);
		for (uint16_t i = 0; i < LINK_STREAM_COUNT; i++) {
			store_le16(bytes + 10 + 10 * i, i);
			store_le64(bytes + 12 + 10 * i, w.said.granted);
		}
		puppet_say(p, MESSAGE_CREDIT, bytes, sizeof(bytes));
	}
	if ((w.habits & HABIT_READY) != 0 && w.host.gw.engine.src.phase == SRC_READY && !w.said.ready_sent) {
		w.said.ready_sent = true;
		say_ctrl(CTRL_READY, w.host.gw.engine.src.digest, 5);
	}
}

static void run(uint32_t steps, uint64_t step_us)
{
	for (uint32_t i = 0; i < steps; i++) {
		enum owner before = gw_owner(&w.host.gw);

		w.net.now_us += step_us;
		fake_net_poll(&w.net, 1);
		puppet_poll(&w.puppet);
		habits();
		host_step(&w.host, &w.net, 0);
		judge(before);
		if (w.host.gw.engine.src.scrub.begun) {
			HOLDS(w.said.running);
		}
		if (gw_owner(&w.host.gw) == OWNER_GONE && !w.host.gw.engine.alive) {
			HOLDS(w.host.vm.scrubs > 0 && !w.host.vm.scrubbing); /* SETTLED ends it, and only then */
		}
	}
}

static void start(void)
{
	host_start(&w.host, &w.net, 0, "alpha", true);
	host_ask_ok(&w.host, "{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"tls-hostname\":\"beta\","
			     "\"tls-authz\":\"beta\",\"max-bandwidth\":0}}\n");
	puppet_init(&w.puppet, &w.net, 1, "beta", TLS_DESTINATION);
	w.puppet.on_message = on_message;
	w.habits = HABIT_ALL;
	run(4, 100);
}

static void reset(void)
{
	if (!is_ready) {
		fake_net_init(&w.net);
		start();
		fresh = w;
		is_ready = true;
	}
	w = fresh;
	memset(w.host.vm.ram, 0, (size_t)HOST_PAGES * PAGE_BYTES);
}

static void migrate(void)
{
	host_ask(&w.host, "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"tcp:10.0.0.2:4444\"}}\n");
	if (w.host.gw.engine.alive && w.host.gw.engine.src.phase == SRC_HELLO) {
		w.said.ready_equal = false;
		w.said.has_taken = false;
		w.said.running = false;
		w.said.declined = false;
	}
}

static void do_credit(const struct step *s)
{
	uint8_t bytes[20];

	store_le64(bytes, s->c);
	store_le16(bytes + 8, 1);
	store_le16(bytes + 10, s->b);
	store_le64(bytes + 12, s->d);
	puppet_say(&w.puppet, MESSAGE_CREDIT, bytes, sizeof(bytes));
}

static void do_session_message(const struct step *s)
{
	uint8_t bytes[64] = { 0 };

	store_le64(bytes, s->d);
	store_le64(bytes + 8, s->c);
	puppet_say(&w.puppet, (uint16_t)(0x8000u + s->a % 16), bytes, s->b % sizeof(bytes));
}

static void do_cut(const struct step *s)
{
	stream_id which = s->a % 2 == 0 ? w.puppet.control : w.puppet.data[s->a / 2 % CHANNEL_COUNT_MAX];

	if ((s->b & 2) != 0 && s->a % 2 == 0 && w.puppet.established && w.puppet.id != TLS_NONE) {
		w.puppet.tls.ops->close(w.puppet.tls.ctx, w.puppet.id);
		puppet_poll(&w.puppet);
	}
	puppet_end(&w.puppet, which, (s->b & 1) != 0);
}

static void do_net(const struct step *s)
{
	static const size_t splits[] = { 0, 1, 2, 31, 32, 33, 48, 1460 };

	w.net.down = s->a % 4 == 3;
	w.net.split_max = splits[s->b % ARRAY_SIZE(splits)];
	w.net.latency_us = 50u + s->c % 20000u;
	if (s->a % 8 == 1 && w.net.rule_count < FAKE_RULES_MAX) {
		fake_net_rule(&w.net, &(struct fake_rule){ .fault = (enum fake_fault)(s->a / 8 % 4),
					      .conn = FAKE_ANY_CONN,
					      .dir = FAKE_BACKWARD,
					      .at = s->d % 4000u,
					      .mask = (uint8_t)(1u << s->a % 8) });
	}
}

/** Until the owner is as far as asked, or a while has passed. */
static void until(enum owner owner)
{
	for (uint32_t i = 0; i < 200 && gw_owner(&w.host.gw) != owner; i++) {
		run(1, i < 100 ? 500 : 10000);
	}
}

static void do_step(const struct step *s)
{
	static const uint64_t waits[] = { 100, 1000, 20000, 200000, 1000000, 5000000 };
	static const enum owner goals[] = { OWNER_GONE, OWNER_HELD, OWNER_GIVEN, OWNER_PREPARING };
	uint8_t bytes[8];

	store_le64(bytes, s->d);
	switch (s->op % 16) {
	case 0:
		run(1u + s->a % 16, waits[s->b % ARRAY_SIZE(waits)]);
		break;
	case 1:
		migrate();
		break;
	case 2:
		until(goals[s->a % ARRAY_SIZE(goals)]);
		break;
	case 3:
		w.habits ^= 1u << s->a % 10;
		break;
	case 4:
		w.habits = s->a == 0 ? HABIT_ALL : s->b & HABIT_ALL;
		w.said.unproved = s->a % 4 == 3;
		break;
	case 5: {
		uint8_t digest[HASH_BYTES];

		memcpy(digest, w.host.gw.engine.src.digest, HASH_BYTES);
		digest[s->c % HASH_BYTES] ^= (uint8_t)(s->b & 1);
		say_ctrl((uint16_t)(CTRL_FIRST + s->a % (CTRL_END - CTRL_FIRST)), digest, s->d);
		break;
	}
	case 6:
		do_session_message(s);
		break;
	case 7:
		do_credit(s);
		break;
	case 8:
		puppet_raw(&w.puppet, bytes, 1u + s->a % 8);
		break;
	case 9:
		/* Against the direction of a data connection. */
		puppet_bytes(&w.puppet, w.puppet.data[s->a % CHANNEL_COUNT_MAX], bytes, 1u + s->b % 8);
		break;
	case 10:
		do_cut(s);
		break;
	case 11:
	case 12:
		edits_add(&w.puppet.edits, s);
		break;
	case 13:
		do_net(s);
		break;
	case 14:
		host_operator(&w.host, s->a);
		break;
	default: {
		static const char *const ids[] = { "beta", "beta", "mallory", "alpha" };

		(void)snprintf(w.puppet.fake.own.id, HOST_ID_MAX, "%s", ids[s->a % ARRAY_SIZE(ids)]);
		w.puppet.fake.own.expired = s->a / 4 % 8 == 7;
		w.puppet.fake.own.no_destination_role = s->a / 32 == 7;
		break;
	}
	}
	run(1, 100);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct step s;

	reset();
	for (uint32_t n = 0; program_step(data, size, n, &s); n++) {
		do_step(&s);
	}
	w.net.down = false;
	w.net.split_max = 0;
	w.net.latency_us = 100;
	fake_net_clear_rules(&w.net);
	w.habits = 0;
	puppet_leave(&w.puppet);
	run(REST_STEPS, 100000);
	run(REST_STEPS, 2000000);
	host_at_rest(&w.host);
	return 0;
}
