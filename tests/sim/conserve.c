/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Nothing that is lent is lost: frames and credits of the sessions, counted by their fields and not by their functions. */
#include "tests/sim/world.h"

struct counted {
	uint32_t free, held; /* held: received, and not yet placed */
	uint64_t granted;    /* and not yet used */
	uint64_t unplaced;
};

static struct counted count(const struct session *s)
{
	struct counted c = { 0 };

	for (uint32_t i = 0; i < FRAME_POOL_COUNT; i++) {
		const struct frame *f = &s->pool.frames[i];

		c.free += f->state == FRAME_FREE;
		c.held +=
			!f->orphan && (f->state == FRAME_FILLING || f->state == FRAME_READY || f->state == FRAME_LENT);
	}
	for (uint32_t i = 0; i < LINK_STREAM_COUNT; i++) {
		c.granted += s->credit.limit[i] - s->credit.used[i];
		c.unplaced += s->credit.used[i] - s->credit.done[i];
	}
	return c;
}

static void must(struct world *w, uint32_t host, bool holds, const char *what)
{
	if (!holds) {
		journal_violation(&w->journal, "%c: %s", "ABC"[host], what);
	}
}

static void streams_agree(struct world *w, uint32_t from, uint32_t to)
{
	const struct session *a = &w->hosts[from].gw->session, *b = &w->hosts[to].gw->session;

	for (uint32_t i = 0; i < LINK_STREAM_COUNT; i++) {
		must(w, from, a->credit.used[i] <= a->credit.limit[i], "more frames were sent than granted");
		must(w, from, a->credit.limit[i] <= b->credit.limit[i], "a grant that was never given is believed");
		must(w, to, b->credit.used[i] <= a->credit.used[i], "more frames came than were sent");
	}
}

void world_conserved(struct world *w, uint32_t host)
{
	const struct session *s = &w->hosts[host].gw->session;
	const struct counted c = count(s);

	must(w, host, c.free == s->pool.free_count, "the pool has lost count of its free frames");
	if (s->phase != PHASE_OPEN) {
		return;
	}
	if (s->role == SESSION_DESTINATION) {
		must(w, host, c.granted <= c.free, "a grant has no frame behind it");
		must(w, host, c.unplaced == c.held, "frames and credits disagree about what is unplaced");
	}
	for (uint32_t i = 0; i < w->plan.host_count; i++) {
		const struct session *t = w->hosts[i].powered ? &w->hosts[i].gw->session : NULL;

		if (t != NULL && i != host && t->phase == PHASE_OPEN && t->session_id == s->session_id &&
			t->epoch == s->epoch) {
			streams_agree(w, s->role == SESSION_SOURCE ? host : i, s->role == SESSION_SOURCE ? i : host);
		}
	}
}
