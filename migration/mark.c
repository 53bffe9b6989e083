/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/mark.h"

void mark_put(struct mark_store *m, const struct owner_mark *mark)
{
	m->next = *mark;
	m->queued = true;
	if (mark->kind != MARK_IN_DOUBT) {
		m->base = *mark;
	}
}

static bool mark_ended(struct mark_store *m, enum err err, enum mark_kind *kind, enum err *result)
{
	m->busy = false;
	*kind = m->storing.kind;
	*result = err;
	return true;
}

bool mark_step(struct mark_store *m, const struct host *host, const char *vm, enum mark_kind *kind, enum err *result)
{
	enum err err;

	if (!m->busy) {
		if (!m->queued) {
			return false;
		}
		m->queued = false;
		m->storing = m->next;
		if (host->ops->mark_store_begin == NULL) {
			return mark_ended(m, ERR_OK, kind, result);
		}
		err = host->ops->mark_store_begin(host->ctx, vm, &m->storing);
		if (err != ERR_OK) {
			return mark_ended(m, err, kind, result);
		}
		m->busy = true;
		return false;
	}
	err = host->ops->mark_store_poll(host->ctx, vm);
	return err == ERR_AGAIN ? false : mark_ended(m, err, kind, result);
}
