/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/scrub.h"

#include "migration/engine_ctx.h"

static void failed(struct engine *e, const char *what, enum err err)
{
	e->scrub_fault = true;
	engine_log(e, LOG_ERROR, "VM %s: %s could not be scrubbed: %s", e->desc.name, what, err_name(err));
	engine_set_error(e, "%s could not be scrubbed: %s", what, err_name(err));
}

bool scrub_slice(struct engine *e, struct scrub *s, bool *moved)
{
	uint32_t device = 0;
	enum err err;

	if (!s->begun) {
		*s = (struct scrub){ .begun = true };
		*moved = true;
		e->scrub_fault = false;
		device_set_chore(&e->devices, DEVICE_CHORE_SCRUB);
		err = e->vm.ops->scrub_begin(e->vm.ctx);
		if (err != ERR_OK) {
			failed(e, "RAM", err);
			s->ram_done = true;
		}
		return false;
	}
	if (!s->ram_done) { /* polled until it is done, and not again */
		*moved = true;
		err = e->vm.ops->scrub_poll(e->vm.ctx);
		s->ram_done = err != ERR_AGAIN;
		if (s->ram_done && err != ERR_OK) {
			failed(e, "RAM", err);
		}
		(void)device_set_poll(&e->devices, engine_now(e), &device);
		return false;
	}
	err = device_set_poll(&e->devices, engine_now(e), &device);
	if (err == ERR_AGAIN) {
		return false;
	}
	*moved = true;
	if (err != ERR_OK) {
		failed(e, e->devices.run[device].desc.id, err);
	}
	return true;
}
