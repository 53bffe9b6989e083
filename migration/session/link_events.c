/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* From what is pending to the next event of the link. */
#include "migration/session/epoch.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/text.h"

static void event_text(struct session *s, struct link_event *out, enum err err, const char *text)
{
	(void)text_copy(s->event_text, REASON_BYTES, text);
	out->err = err;
	out->text = s->event_text;
}

static void event_peer(struct session *s, struct link_event *out, const struct control *c, uint64_t boot)
{
	memcpy(s->event_peer, c->peer, HOST_ID_MAX);
	out->peer = s->event_peer;
	out->peer_boot = boot;
}

static void event_attempt(struct session *s, struct link_event *out)
{
	if (s->role != SESSION_SOURCE || s->phase == PHASE_DOWN) {
		s->event_attempt = s->asked.attempt;
		out->attempt = &s->event_attempt;
	}
}

static void event_message(struct session *s, struct link_event *out)
{
	const struct mail *mail = mailbox_front(&s->inbox);
	struct message_header head;
	char reason[REASON_BYTES];
	const enum err err = message_header_read(mail->bytes, &head, reason);

	ASSERT(err == ERR_OK);
	out->kind = LINK_MESSAGE;
	out->type = head.type;
	out->bytes = mail->bytes + MESSAGE_HEADER_BYTES;
	out->len_bytes = head.len_bytes;
	s->message_lent = true;
}

static void event_frame(struct session *s, struct link_event *out)
{
	const uint32_t index = s->ready[s->ready_first];
	struct frame *f = &s->pool.frames[index];

	s->ready_first = (s->ready_first + 1) % FRAME_POOL_COUNT;
	s->ready_count--;
	f->state = FRAME_LENT;
	out->kind = LINK_FRAME;
	out->type = f->head.type;
	out->stream = f->head.stream;
	out->channel = f->head.channel;
	out->bytes = f->bytes + FRAME_HEADER_BYTES;
	out->len_bytes = f->head.len_bytes;
	out->frame = index;
}

static void event_hello(struct session *s, struct link_event *out)
{
	const bool source = s->phase == PHASE_DECIDE;

	s->pending.hello = false;
	out->kind = LINK_HELLO;
	out->bytes = s->hello_in;
	out->len_bytes = s->hello_in_len;
	if (source) {
		event_peer(s, out, session_live(s), s->peer_boot);
	} else {
		out->epoch = 1;
		event_peer(s, out, session_candidate(s), s->asked.boot);
		event_attempt(s, out);
	}
}

static void event_resumed(struct session *s, struct link_event *out)
{
	s->pending.resumed = false;
	out->kind = LINK_RESUMED;
	out->proved = s->pending.proved;
	event_peer(s, out, session_live(s), s->peer_boot);
	event_attempt(s, out);
}

/* Order: of one epoch first what came first, its end last; then newcomers. */
void link_event_take(struct session *s, struct link_event *out)
{
	if (s->pending.resumed) {
		event_resumed(s, out);
	} else if (s->pending.open) {
		s->pending.open = false;
		out->kind = LINK_OPEN;
	} else if (s->inbox.count > 0) {
		event_message(s, out);
	} else if (s->ready_count > 0) {
		event_frame(s, out);
	} else if (s->pending.finished) {
		s->pending.finished = false;
		out->kind = LINK_FINISHED;
	} else if (s->pending.lost) {
		s->pending.lost = false;
		out->kind = LINK_LOST;
		event_text(s, out, s->pending.lost_err, s->pending.lost_text);
	} else if (s->pending.hello) {
		event_hello(s, out);
	} else if (s->pending.refused) {
		s->pending.refused = false;
		out->kind = LINK_REFUSED;
		event_text(s, out, s->pending.refused_err, s->pending.refused_text);
	}
}
