/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The engine as its operators see it, without one: remembers what was asked, answers what a test set. */
#ifndef TESTS_FAKE_ENGINE_H
#define TESTS_FAKE_ENGINE_H

#include "migration/engine.h"

#define FAKE_NOTES_MAX 16u

struct engine {
	struct migration_params params;
	struct migration_caps caps;
	struct migration_info info;
	enum vm_run_state run_state;
	struct engine_note notes[FAKE_NOTES_MAX];
	uint32_t note_count;
	uint32_t blockers, devices; /* how many are told of */
	/* What every command answers; ERR_OK unless set. */
	enum err answer;
	const char *answer_reason;
	/* What was asked. */
	uint32_t calls;
	const char *last;
	char uri[128];
	struct resolve resolve;
};

/** A VM "flight" that runs, nothing begun. */
void fake_engine_init(struct engine *e);
/** A note for engine_take_note(). */
void fake_engine_note(struct engine *e, enum engine_event event, uint64_t value);
/** A migration with rounds and every number set, as large as they get. */
void fake_engine_fill(struct engine *e, uint64_t number, uint32_t rounds);

#endif
