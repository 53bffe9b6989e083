/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A peer that says what the fuzzer wants, behind TLS and seal: it holds real credentials and real keys, so that what it
 * makes wrong reaches what lies behind them. Messages and frames are made right and then edited.
 */
#ifndef TESTS_FUZZ_PUPPET_H
#define TESTS_FUZZ_PUPPET_H

#include "migration/session/keys.h"
#include "migration/session/message.h"
#include "tests/fake/fake_streams.h"
#include "tests/fake/fake_tls.h"
#include "tests/fuzz/program.h"

#define PUPPET_FRAMES	 24u
#define PUPPET_STRANGERS 6u

struct puppet;

/** One whole message of the other side. */
typedef void (*puppet_message_fn)(struct puppet *p, uint16_t type, const uint8_t *payload, size_t len_bytes);

struct puppet {
	struct fake_net *net;
	uint32_t party;
	struct streams streams;
	struct fake_tls fake;
	struct tls tls;
	enum tls_role role;
	puppet_message_fn on_message;

	stream_id control;
	tls_id id;
	bool established;
	uint8_t in[2u * CTRL_MSG_BYTES];
	size_t in_len;
	uint8_t out[8192];
	size_t out_len;

	stream_id data[CHANNEL_COUNT_MAX];
	bool data_up[CHANNEL_COUNT_MAX];
	uint32_t accepted; /* data connections of this epoch */
	stream_id strangers[PUPPET_STRANGERS];
	uint32_t stranger_next;

	struct keys_transcript transcript;
	bool keyed;
	uint64_t session;
	uint32_t epoch, channels;
	uint8_t secret[KEYS_SECRET_BYTES];
	bool has_secret;
	struct channel_keys keys[CHANNEL_COUNT_MAX];
	uint64_t next[CHANNEL_COUNT_MAX];

	struct edits edits;
	bool edited;			    /* the last one sent was */
	uint8_t last[CTRL_MSG_BYTES + 256]; /* the last message's payload, as sent */
	size_t last_len;
	uint16_t last_type;

	bool frame_used[PUPPET_FRAMES];
};

/** Idle. id and ca name its credentials. */
void puppet_init(struct puppet *p, struct fake_net *net, uint32_t party, const char *id, enum tls_role role);
/** As a source: begin a control connection; an older one is reset. */
void puppet_connect(struct puppet *p);
/** As a source: begin the data connection of a channel. */
void puppet_data_connect(struct puppet *p, uint32_t channel);
/** A connection that is nothing yet; returns where it is kept. */
uint32_t puppet_stranger(struct puppet *p);
/** Events, TLS, messages that came, bytes that wait. */
void puppet_poll(struct puppet *p);
/** One control message, after the edits. */
void puppet_say(struct puppet *p, uint16_t type, const uint8_t *payload, size_t len_bytes);
/** Plain bytes into TLS, whatever they are. */
void puppet_raw(struct puppet *p, const uint8_t *bytes, size_t len_bytes);
/** Keys of an epoch, once both hellos are in the transcript. */
void puppet_keys(struct puppet *p);
/** One sealed frame, after the edits. False when there was no room. */
bool puppet_frame(
	struct puppet *p, uint32_t channel, uint16_t stream, uint8_t type, const uint8_t *payload, size_t len_bytes);
/** Bytes of at most 8 KiB on any stream. */
void puppet_bytes(struct puppet *p, stream_id s, const uint8_t *bytes, size_t len_bytes);
void puppet_end(struct puppet *p, stream_id s, bool reset);
/** Everything is reset. */
void puppet_leave(struct puppet *p);

#endif
