/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "board/qemu-virt/service.h"
#include "board/qemu-virt/selftest_vm.h"

#include "arch/aarch64/core.h"
#include "arch/aarch64/psci.h"
#include "arch/aarch64/timer.h"
#include "board/qemu-virt/guest.h"
#include "board/qemu-virt/machine.h"
#include "board/qemu-virt/map.h"
#include "board/qemu-virt/mark_flash.h"
#include "board/qemu-virt/serial.h"
#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/text.h"
#include "core/vm/board.h"
#include "core/vm/console.h"
#include "core/vm/irq.h"
#include "migration/godwit.h"
#include "net/seal_port.h"
#include "net/tls_port.h"
#include "net/transport.h"

#define STEP_BUDGET_US	    2000u
#define SLEEP_US_MAX	    100000u
#define CONSOLE_RETRY_US    200u /* the UART is full */
#define MONITOR_LINE_BYTES  128u
#define MONITOR_REPLY_BYTES 4096u
#define CONSOLE_ESCAPE	    0x01u /* Ctrl-A; twice for itself */
#define CONSOLE_SWITCH	    'c'
#define QMP_CHUNK_BYTES	    256u
#define CREDENTIAL_BYTES    4096u
#define QUIT_ROUNDS_MAX	    10000u /* attempts to get the last output out */

#define SLOT_PAGES_MAX	    (SLOT_RAM_MIB_MAX * 0x100000u / PAGE_BYTES)

static struct service_config cfg;
static struct gw gw;
static struct transport transport;
static bool has_transport;
static struct tls_port tls_port;
static struct device devices[SLOT_DEVICES_MAX];
static struct mark_flash marks;
static uint64_t bitmap[GW_BITMAP_WORDS(SLOT_PAGES_MAX)];
static uint8_t ca_der[CREDENTIAL_BYTES], cert_der[CREDENTIAL_BYTES], key_der[CREDENTIAL_BYTES];

static struct pl011 qmp_uart;
static struct serial qmp_in, console_in;
static uint8_t qmp_out[QMP_CHUNK_BYTES];
static size_t qmp_out_at, qmp_out_len;
static char monitor_line_bytes[MONITOR_LINE_BYTES];
static size_t monitor_len;
static char monitor_reply[MONITOR_REPLY_BYTES];
static bool console_to_guest, console_escaped;
static enum vm_run_state state_told;
static bool quitting;

/* ---- the host, for engine and session ---- */

static uint64_t host_time_us(void *ctx)
{
	(void)ctx;
	return timer_now_us();
}

static uint64_t host_time_ns(void *ctx)
{
	(void)ctx;
	return timer_now_ns();
}

static void host_log(void *ctx, enum log_level level, const char *line)
{
	static const char *const words[] = {
		[LOG_ERROR] = "error: ", [LOG_WARN] = "warning: ", [LOG_INFO] = "", [LOG_DEBUG] = "debug: "
	};

	(void)ctx;
	if (level != LOG_DEBUG) {
		console_line("godwit: %s%s", words[level], line);
	}
}

static enum err host_random(void *ctx, uint8_t *out, size_t len_bytes)
{
	(void)ctx;
	return machine_random(out, len_bytes);
}

static enum err host_wall_clock(void *ctx, int64_t *unix_s)
{
	(void)ctx;
	return machine_wall_clock(unix_s);
}

static void host_quit(void *ctx)
{
	(void)ctx;
	quitting = true;
}

static enum err host_mark_load(void *ctx, const char *vm, struct owner_mark *out)
{
	(void)ctx;
	(void)vm; /* mark_flash_open() has looked */
	*out = marks.mark;
	return ERR_OK;
}

static enum err host_mark_store_begin(void *ctx, const char *vm, const struct owner_mark *mark)
{
	(void)ctx;
	return mark_flash_begin(&marks, vm, mark, timer_now_us());
}

static enum err host_mark_store_poll(void *ctx, const char *vm)
{
	(void)ctx;
	(void)vm;
	return mark_flash_poll(&marks, timer_now_us());
}

static const struct host_ops host_ops_marked = {
	.time_us = host_time_us,
	.time_ns = host_time_ns,
	.log = host_log,
	.random = host_random,
	.mark_load = host_mark_load,
	.mark_store_begin = host_mark_store_begin,
	.mark_store_poll = host_mark_store_poll,
	.quit = host_quit,
};

/* Without storage for the owner mark: docs/handover.md says what that means. */
static const struct host_ops host_ops = {
	.time_us = host_time_us,
	.time_ns = host_time_ns,
	.log = host_log,
	.random = host_random,
	.quit = host_quit,
};

/* ---- bring-up ---- */

static struct streams network_init(void)
{
	struct transport_config config = { .host = { .ops = &host_ops } };
	enum err err = machine_nic(cfg.gic, &config.nic);

	for (unsigned int i = 0; i < 4; i++) {
		config.ip[i] = cfg.board->ip[i];
		config.mask[i] = cfg.board->mask[i];
		config.gateway[i] = cfg.board->gateway[i];
	}
	if (err == ERR_OK) {
		err = transport_init(&transport, &config);
	}
	has_transport = err == ERR_OK;
	if (has_transport) {
		console_line("net: %u.%u.%u.%u, MTU %u", config.ip[0], config.ip[1], config.ip[2], config.ip[3],
			config.nic.ops->mtu(config.nic.ctx));
	} else {
		console_line("net: no network: %s", err_name(err));
	}
	return transport_streams(&transport);
}

static size_t credential(const char *name, uint8_t *out)
{
	size_t len_bytes = 0;
	enum err err = machine_file(name, out, CREDENTIAL_BYTES, &len_bytes);

	if (err != ERR_OK) {
		console_line("tls: %s: %s", name, err == ERR_END ? "not given" : err_name(err));
		return 0;
	}
	return len_bytes;
}

static struct tls tls_init(void)
{
	struct tls_port_config config = {
		.ca = ca_der,
		.ca_bytes = credential("opt/godwit/ca.der", ca_der),
		.cert = cert_der,
		.cert_bytes = credential("opt/godwit/host.crt.der", cert_der),
		.key = key_der,
		.key_bytes = credential("opt/godwit/host.key.der", key_der),
		.random = host_random,
		.wall_clock = host_wall_clock,
	};

	if (tls_port_init(&tls_port, &config) != ERR_OK) {
		console_line("tls: %s", tls_port_reason(&tls_port));
	}
	return tls_port_tls(&tls_port);
}

/** Home, or in doubt about a migration of its own that the peer may decline. */
static bool mark_may_own(void)
{
	return marks.mark.kind == MARK_HOME || (marks.mark.kind == MARK_IN_DOUBT && marks.mark.source);
}

enum err service_mark_open(const char *vm, bool *own)
{
	static const char *const words[] = {
		[MARK_NONE] = "none", [MARK_HOME] = "home", [MARK_IN_DOUBT] = "in-doubt", [MARK_AWAY] = "away"
	};
	enum err err = mark_flash_open(&marks, MAP_FLASH1, vm);

	if (err == ERR_OK) {
		console_line("godwit: owner mark in flash: %s, gen %llu", words[marks.mark.kind],
			(unsigned long long)marks.mark.gen);
	}
	*own = mark_may_own();
	return err;
}

enum err service_init(const struct service_config *config)
{
	struct gw_config g = {
		.slot = config->board->slot_name,
		.host = { .ops = config->board->mark_flash ? &host_ops_marked : &host_ops },
		.seal = seal_port_ops(),
		.bitmap = bitmap,
		.bitmap_words = ARRAY_SIZE(bitmap),
		.own = config->board->autostart,
		.autostart = config->board->autostart || mark_may_own(),
	};
	char reason[REASON_BYTES];
	enum err err;

	cfg = *config;
	pl011_init(&qmp_uart, board.uart_control_base);
	err = serial_init(&qmp_in, &qmp_uart, MAP_IRQ_UART1, cfg.gic);
	if (err == ERR_OK) {
		err = serial_init(&console_in, cfg.console, MAP_IRQ_UART0, cfg.gic);
	}
	if (err != ERR_OK) {
		return err;
	}
	g.vm = vm_interface(&cfg.slot->vm);
	for (uint32_t i = 0; i < cfg.passthrough->count; i++) {
		devices[i] = passthrough_device(&cfg.passthrough->device[i]);
	}
	g.devices = devices;
	g.device_count = cfg.passthrough->count;
	g.streams = network_init();
	g.tls = tls_init();
	err = gw_init(&gw, &g, reason);
	if (err != ERR_OK) {
		console_line("godwit: %s", reason);
		return err;
	}
	gw_qmp_open(&gw);
	state_told = vm_state(&cfg.slot->vm);
	return ERR_OK;
}

/* ---- the loop's parts; each says whether it did something ---- */

static bool qmp_port_step(void)
{
	const uint8_t *bytes;
	size_t len = serial_peek(&qmp_in, &bytes);
	bool moved = false;

	if (len > 0) {
		size_t taken = gw_qmp_input(&gw, bytes, len);

		serial_drop(&qmp_in, taken);
		moved = taken > 0;
	}
	if (qmp_out_at == qmp_out_len) {
		qmp_out_at = 0;
		qmp_out_len = gw_qmp_output(&gw, machine_wall_us(), qmp_out, sizeof(qmp_out));
	}
	if (qmp_out_at < qmp_out_len) {
		size_t n = pl011_write(&qmp_uart, qmp_out + qmp_out_at, qmp_out_len - qmp_out_at);

		qmp_out_at += n;
		moved = moved || n > 0;
	}
	return moved;
}

/** The answer may have several lines; each goes out whole. */
static void monitor_answer(void)
{
	size_t len = gw_monitor_line(&gw, monitor_line_bytes, monitor_reply, sizeof(monitor_reply));
	size_t begin = 0;

	for (size_t i = 0; i < len; i++) {
		if (monitor_reply[i] == '\n') {
			monitor_reply[i] = '\0';
			console_line("%s", monitor_reply + begin);
			begin = i + 1;
		}
	}
	if (begin < len) {
		console_line("%s", monitor_reply + begin);
	}
}

static void monitor_byte(uint8_t byte)
{
	if (byte == '\r' || byte == '\n') {
		(void)console_bytes("\r\n", 2);
		monitor_line_bytes[monitor_len] = '\0';
		if (monitor_len > 0) {
			monitor_answer();
		}
		monitor_len = 0;
	} else if (byte == 0x7f || byte == '\b') {
		if (monitor_len > 0) {
			monitor_len--;
			(void)console_bytes("\b \b", 3);
		}
	} else if (byte >= ' ' && byte < 0x7f && monitor_len + 1 < sizeof(monitor_line_bytes)) {
		monitor_line_bytes[monitor_len++] = (char)byte;
		(void)console_bytes((const char *)&byte, 1);
	}
}

/** For the guest's UART. False: it is full. Dropped where no guest runs: its UART is somebody's record then. */
static bool guest_byte(uint8_t byte)
{
	return !vm_may_run(&cfg.slot->vm) || vpl011_input(&cfg.slot->vm.uart, &byte, 1) == 1;
}

/** One byte from the operator's terminal; false if it has to wait. CONSOLE_ESCAPE c changes who is spoken to. */
static bool console_byte(uint8_t byte)
{
	if (!console_escaped && byte == CONSOLE_ESCAPE) {
		console_escaped = true;
		return true;
	}
	if (console_escaped && byte == CONSOLE_SWITCH) {
		console_to_guest = !console_to_guest;
		console_line("console: what is typed goes to the %s", console_to_guest ? "guest" : "monitor");
	} else if (!console_to_guest) {
		monitor_byte(byte);
	} else if (!guest_byte(byte)) {
		return false;
	}
	console_escaped = false;
	return true;
}

static bool console_step(void)
{
	const uint8_t *bytes;
	size_t len = serial_peek(&console_in, &bytes);
	size_t taken = 0;

	while (taken < len && console_byte(bytes[taken])) {
		taken++;
	}
	serial_drop(&console_in, taken);
	return taken > 0;
}

/** The guest's own reset: what it has booted from on this host boots again, with nothing else changed. */
static void guest_reset_step(void)
{
	struct vm_slot *vm = &cfg.slot->vm;
	enum err err = vm_reset_poll(vm);

	if (err == ERR_END || err == ERR_AGAIN) {
		return;
	}
	console_line("vm %s: the guest resets itself", vm->name);
	err = guest_load(cfg.slot, cfg.facts);
	if (err == ERR_OK) {
		err = vm_run(vm);
	}
	if (err != ERR_OK) {
		console_line("vm %s: no guest to boot again: %s", vm->name, err_name(err));
		vm_shut_down(vm);
	}
}

static void guest_step(void)
{
	enum vm_run_state now;

	guest_reset_step();
	now = vm_state(&cfg.slot->vm);

	if (now != state_told && (now == VM_SHUTDOWN || now == VM_INTERNAL_ERROR)) {
		gw_vm_event(&gw, now);
	}
	state_told = now;
}

static _Noreturn void power_off(void)
{
	for (uint32_t i = 0; i < QUIT_ROUNDS_MAX && qmp_port_step(); i++) {
	}
	console_flush();
	psci_system_off();
}

_Noreturn void service_run(void)
{
	for (;;) {
		uint64_t sleep_us = SLEEP_US_MAX, next_us, now_us;
		bool busy = irq_poll() > 0;

		if (has_transport) {
			sleep_us = MIN(sleep_us, transport_poll(&transport));
		}
		next_us = gw_step(&gw, STEP_BUDGET_US);
		passthrough_poll(cfg.passthrough);
		guest_step();
		busy = selftest_vm_step() || busy;
		busy = qmp_port_step() || busy;
		busy = console_step() || busy;
		if (!console_drain()) {
			sleep_us = MIN(sleep_us, CONSOLE_RETRY_US);
		}
		if (quitting) {
			power_off();
		}
		now_us = timer_now_us();
		sleep_us = next_us <= now_us ? 0 : MIN(sleep_us, next_us - now_us);
		/* Interrupts are masked: one that came since irq_poll() is pending and ends the WFI at once. */
		if (!busy && sleep_us > 0) {
			timer_alarm_in_us(sleep_us);
			core_wfi();
		}
	}
}
