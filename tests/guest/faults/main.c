/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The faults guest does what a guest should not, one thing after the other, and says what came of it:
 *
 *	fault NAME ok [what]		as it must be
 *	fault NAME FAILED ...
 *	faults ok=N failed=N		at the end; then it powers off
 *
 * A hypervisor answers each by an abort, an undefined instruction or an error code, and everything goes on. Without one
 * of ours, QEMU itself answers; what only a hypervisor can check is left out then.
 */
#include "tests/guest/lib/guest.h"

#define EC_SHIFT	26u
#define EC_UNDEFINED	0x00u
#define EC_SYSREG	0x18u
#define EC_FETCH	0x21u
#define EC_DATA		0x25u
#define EC_SERROR	0x2fu
#define EC_NONE		0xffu

#define NOWHERE_RAM	UINT64_C(0xf0000000) /* Normal memory to us, beyond any RAM given to us */
#define NOWHERE_DEVICE	UINT64_C(0x0d000000)
#define WALK_GIB	300u
#define GICD_TYPER_LPIS (1u << 17)

#define EDU_ID		0x010000edu
#define EDU_DMA_SRC	0x80u
#define EDU_DMA_DST	0x88u
#define EDU_DMA_CNT	0x90u
#define EDU_DMA_CMD	0x98u
#define EDU_BUFFER	UINT64_C(0x40000)
#define DMA_RUN		1u
#define DMA_TO_RAM	2u
#define DMA_TIMEOUT_US	2000000u

extern uint64_t mmu_table[];

static volatile uint32_t fault_ec; /* of the last one, or EC_NONE */
static volatile uint64_t fault_esr;
static uint32_t ok_count, failed_count;
static bool hypervisor; /* ours */
static uint8_t area[8192] __attribute__((aligned(4096)));

/* Goes on behind the instruction, or after a fetch, behind the call. */
bool guest_fault(struct guest_frame *frame, enum guest_vector vector, uint64_t esr)
{
	fault_esr = esr;
	fault_ec = vector == VECTOR_SYNC ? (uint32_t)(esr >> EC_SHIFT) & 0x3fu : EC_SERROR;
	if (vector == VECTOR_SYNC) {
		frame->elr = fault_ec == EC_FETCH ? frame->x[30] : frame->elr + 4;
	}
	return vector == VECTOR_SYNC;
}

void guest_interrupt(uint32_t intid)
{
	(void)intid;
}

void guest_secondary(uint64_t cpu)
{
	(void)cpu;
}

static void begin(void)
{
	fault_ec = EC_NONE;
	fault_esr = 0;
	__asm__ volatile("isb" ::: "memory");
}

static const char *outcome(void)
{
	switch (fault_ec) {
	case EC_NONE:
		return "no fault";
	case EC_UNDEFINED:
	case EC_SYSREG:
		return "undefined";
	case EC_FETCH:
	case EC_DATA:
		return "abort";
	default:
		return "another fault";
	}
}

static void judge(const char *name, bool ok)
{
	__asm__ volatile("dsb sy\n\tisb" ::: "memory");
	if (ok) {
		ok_count++;
		print("fault %s ok (%s)", name, outcome());
	} else {
		failed_count++;
		print("fault %s FAILED (%s, esr 0x%llx)", name, outcome(), (unsigned long long)fault_esr);
	}
}

/* One instruction that must end in an exception of that class. */
#define EXPECT(name, ec, ...)                                                                                          \
	do {                                                                                                           \
		begin();                                                                                               \
		__asm__ volatile(__VA_ARGS__);                                                                         \
		judge(name, fault_ec == (ec));                                                                         \
	} while (0)

/* One that may do nothing, or abort, or be undefined: all that counts is that we go on. */
#define SURVIVE(name, ...)                                                                                             \
	do {                                                                                                           \
		begin();                                                                                               \
		__asm__ volatile(__VA_ARGS__);                                                                         \
		judge(name, fault_ec != EC_SERROR);                                                                    \
	} while (0)

#define SYSREG_UNDEFINED(name, reg)                                                                                    \
	do {                                                                                                           \
		if (hypervisor) {                                                                                      \
			EXPECT(name, EC_UNDEFINED, "mrs x9, " reg ::: "x9", "memory");                                 \
		} else {                                                                                               \
			SURVIVE(name, "mrs x9, " reg ::: "x9", "memory");                                              \
		}                                                                                                      \
	} while (0)

#define SYSREG_SURVIVES(name, reg) SURVIVE(name, "mrs x9, " reg "\n\tmsr " reg ", x9" ::: "x9", "memory")

static void memory_faults(void)
{
	void (*nowhere)(void) = (void (*)(void))(uintptr_t)NOWHERE_RAM;

	EXPECT("read-nothing", EC_DATA, "ldr x9, [%0]" ::"r"(NOWHERE_RAM) : "x9", "memory");
	EXPECT("write-nothing", EC_DATA, "str xzr, [%0]" ::"r"(NOWHERE_RAM) : "memory");
	EXPECT("read-no-device", EC_DATA, "ldr w9, [%0]" ::"r"(NOWHERE_DEVICE) : "x9", "memory");
	EXPECT("write-no-device", EC_DATA, "str wzr, [%0]" ::"r"(NOWHERE_DEVICE) : "memory");
	EXPECT("pair-nothing", EC_DATA, "ldp x9, x10, [%0]" ::"r"(NOWHERE_RAM) : "x9", "x10", "memory");
	EXPECT("exclusive-nothing", EC_DATA, "ldxr x9, [%0]" ::"r"(NOWHERE_RAM) : "x9", "memory");
	EXPECT("zero-nothing", EC_DATA, "dc zva, %0" ::"r"(NOWHERE_RAM) : "memory");
	begin();
	nowhere();
	judge("fetch-nothing", fault_ec == EC_FETCH);
	/* A translation table that is not in RAM. */
	mmu_table[WALK_GIB] = NOWHERE_RAM | 3u;
	__asm__ volatile("dsb ish\n\tisb" ::: "memory");
	EXPECT("table-nothing", EC_DATA, "ldr x9, [%0]" ::"r"((uint64_t)WALK_GIB << 30) : "x9", "memory");
	mmu_table[WALK_GIB] = 0;
	__asm__ volatile("dsb ishst\n\ttlbi vmalle1\n\tdsb ish\n\tisb" ::: "memory");
}

static void device_accesses(void)
{
	SURVIVE("uart-pair", "ldp w9, w10, [%0]" ::"r"(UART_BASE + 0x18) : "x9", "x10", "memory");
	SURVIVE("uart-writeback", "ldr w9, [%0], #4" ::"r"(UART_BASE + 0x18) : "x9", "memory");
	SURVIVE("uart-vector", ".arch_extension simd\n\tldr q0, [%0]" ::"r"(UART_BASE + 0x20) : "memory");
	SURVIVE("uart-exclusive", "ldxr w9, [%0]" ::"r"(UART_BASE + 0x18) : "x9", "memory");
	SURVIVE("uart-double", "ldr x9, [%0]" ::"r"(UART_BASE + 0x18) : "x9", "memory");
	EXPECT("uart-unaligned", EC_DATA, "ldr w9, [%0]" ::"r"(UART_BASE + 0x19) : "x9", "memory");
	SURVIVE("gicd-byte", "ldrb w9, [%0]" ::"r"(GICD_BASE) : "x9", "memory");
	SURVIVE("gicd-double", "ldr x9, [%0]" ::"r"(GICD_BASE + 0x100) : "x9", "memory");
	SURVIVE("gicr-end", "ldr w9, [%0]" ::"r"(GICR_BASE + 0x200000) : "x9", "memory");
	SURVIVE("ecam-double", "ldr x9, [%0]" ::"r"(ECAM_BASE) : "x9", "memory");
	SURVIVE("ecam-last", "ldr w9, [%0]" ::"r"(ECAM_BASE + 0xffffffcu) : "x9", "memory");
	SURVIVE("uart-clean", "dc civac, %0" ::"r"(UART_BASE) : "memory");
}

static void calls(void)
{
	uint64_t result;

	begin();
	result = psci_call(0x8400ffffu, 0, 0, 0);
	judge("call-unknown", fault_ec == EC_UNDEFINED || result == UINT64_MAX);
	begin();
	result = psci_call(0, 0, 0, 0);
	judge("call-zero", fault_ec == EC_UNDEFINED || result == UINT64_MAX);
	begin();
	result = psci_call(0xc4000003u, 0xff00ff00ffu, RAM_BASE, 0);
	judge("cpu-on-nobody", (int64_t)result == -2);
	begin();
	result = psci_call(0xc4000003u, 0, RAM_BASE, 0);
	judge("cpu-on-self", (int64_t)result == -4);
	if (hypervisor) {
		begin();
		result = psci_call(0xc4000003u, 1, NOWHERE_RAM, 0);
		judge("cpu-on-nowhere", (int64_t)result == -9);
	}
	SURVIVE("hvc-immediate", "mov x0, #0\n\thvc #0x1234" ::: "x0", "x1", "x2", "x3", "memory");
	SURVIVE("smc", "mov x0, #0\n\tsmc #0" ::: "x0", "x1", "x2", "x3", "memory");
}

static void config_writes(void)
{
	uint64_t host = ECAM_BASE, absent = ECAM_BASE + (31u << 15);
	uint32_t id = mmio_read32(host), class_revision = mmio_read32(host + 8);

	begin();
	for (uint32_t reg = 0; reg < 0x100; reg += 4) {
		mmio_write32(absent + reg, UINT32_MAX);
	}
	judge("config-absent", fault_ec == EC_NONE && mmio_read32(absent) == UINT32_MAX);
	begin();
	mmio_write32(host, 0);
	mmio_write32(host + 8, 0);
	judge("config-read-only", mmio_read32(host) == id && mmio_read32(host + 8) == class_revision);
}

static void bars(const struct pci_function *edu)
{
	static const uint32_t places[] = { 0, 0x08000000, 0x09000000, 0x3ff00000, 0x40000000, 0xfff00000 };

	for (uint32_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		uint32_t found;

		begin();
		mmio_write32(edu->config + 0x10, places[i]);
		found = mmio_read32(edu->bar0);
		/* It has left its place, and is on nothing else's: other devices answer as before. */
		judge("bar-on-other",
			(fault_ec == EC_DATA || found != EDU_ID) && mmio_read32(GICD_BASE + 0xffe8) >> 4 == 3);
	}
	mmio_write32(edu->config + 0x10, (uint32_t)edu->bar0);
	begin();
	judge("bar-back", mmio_read32(edu->bar0) == EDU_ID);
}

/* True when the device has not been made to run. */
static bool dma_refused(const struct pci_function *edu, uint64_t src, uint64_t dst, uint64_t count, uint64_t command)
{
	begin();
	mmio_write64(edu->bar0 + EDU_DMA_SRC, src);
	mmio_write64(edu->bar0 + EDU_DMA_DST, dst);
	mmio_write64(edu->bar0 + EDU_DMA_CNT, count);
	mmio_write64(edu->bar0 + EDU_DMA_CMD, command | DMA_RUN);
	return fault_ec == EC_DATA && (mmio_read64(edu->bar0 + EDU_DMA_CMD) & DMA_RUN) == 0;
}

static bool dma_done(const struct pci_function *edu, uint64_t src, uint64_t dst, uint64_t count, uint64_t command)
{
	uint64_t end = virtual_counter() + timer_ticks_of_us(DMA_TIMEOUT_US);

	mmio_write64(edu->bar0 + EDU_DMA_SRC, src);
	mmio_write64(edu->bar0 + EDU_DMA_DST, dst);
	mmio_write64(edu->bar0 + EDU_DMA_CNT, count);
	mmio_write64(edu->bar0 + EDU_DMA_CMD, command | DMA_RUN);
	while ((mmio_read64(edu->bar0 + EDU_DMA_CMD) & DMA_RUN) != 0) {
		if (virtual_counter() > end) {
			return false;
		}
	}
	return true;
}

static void dma(const struct pci_function *edu)
{
	uint64_t ram = (uint64_t)(uintptr_t)area;

	judge("dma-past-buffer", dma_refused(edu, EDU_BUFFER + 1, ram, 4096, DMA_TO_RAM));
	judge("dma-before-buffer", dma_refused(edu, EDU_BUFFER - 1, ram, 16, DMA_TO_RAM));
	judge("dma-into-past-buffer", dma_refused(edu, ram, EDU_BUFFER + 4000, 200, 0));
	judge("dma-huge", dma_refused(edu, EDU_BUFFER, ram, UINT64_MAX, DMA_TO_RAM));
	judge("dma-wraps", dma_refused(edu, EDU_BUFFER, UINT64_MAX - 8, 64, DMA_TO_RAM));
	judge("dma-outside-ram", dma_refused(edu, EDU_BUFFER, NOWHERE_RAM, 64, DMA_TO_RAM));
	judge("dma-into-gic", dma_refused(edu, EDU_BUFFER, GICD_BASE, 64, DMA_TO_RAM));
	for (uint32_t i = 0; i < 4096; i++) {
		area[i] = (uint8_t)(i * 7u);
		area[4096 + i] = 0;
	}
	begin();
	judge("dma-good-after", dma_done(edu, ram, EDU_BUFFER, 4096, 0) &&
					dma_done(edu, EDU_BUFFER, ram + 4096, 4096, DMA_TO_RAM) &&
					area[4096 + 4095] == (uint8_t)(4095u * 7u));
}

/* What traps. What a hypervisor hides is undefined; what it emulates works. */
static void system_registers(void)
{
	SYSREG_SURVIVES("reg-actlr", "ACTLR_EL1");
	SYSREG_SURVIVES("reg-mdscr", "MDSCR_EL1");
	SURVIVE("reg-oslar", "msr OSLAR_EL1, xzr" ::: "memory");
	SURVIVE("reg-oslsr", "mrs x9, OSLSR_EL1" ::: "x9");
	SURVIVE("reg-osdlr", "mrs x9, OSDLR_EL1" ::: "x9");
	SYSREG_SURVIVES("reg-dbgbvr0", "DBGBVR0_EL1");
	SYSREG_SURVIVES("reg-dbgbcr0", "DBGBCR0_EL1");
	SYSREG_SURVIVES("reg-dbgwvr0", "DBGWVR0_EL1");
	SURVIVE("reg-pmcr", "mrs x9, PMCR_EL0" ::: "x9");
	SURVIVE("reg-pmccntr", "mrs x9, PMCCNTR_EL0" ::: "x9");
	SURVIVE("reg-cntpct", "mrs x9, CNTPCT_EL0" ::: "x9");
	SURVIVE("reg-cntp-ctl", "msr CNTP_CTL_EL0, xzr" ::: "memory");
	SURVIVE("reg-cntp-cval", "mrs x9, CNTP_CVAL_EL0" ::: "x9");
	SURVIVE("reg-lorid", "mrs x9, S3_0_C10_C4_7" ::: "x9");
	SURVIVE("reg-erridr", "mrs x9, S3_0_C5_C3_0" ::: "x9");
	SURVIVE("reg-impdef", "mrs x9, S3_0_C15_C0_0" ::: "x9");
	SURVIVE("reg-impdef-write", "msr S3_0_C15_C0_0, xzr" ::: "memory");
	SURVIVE("reg-zcr", "mrs x9, S3_0_C1_C2_0" ::: "x9");
	SURVIVE("reg-smcr", "mrs x9, S3_0_C1_C2_6" ::: "x9");
	SURVIVE("reg-trfcr", "mrs x9, S3_0_C1_C2_1" ::: "x9");
	SURVIVE("reg-rgsr", "mrs x9, S3_0_C1_C0_5" ::: "x9");
	SURVIVE("reg-amcr", "mrs x9, S3_3_C13_C2_0" ::: "x9");
	SYSREG_UNDEFINED("reg-hcr", "S3_4_C1_C1_0");
	SYSREG_UNDEFINED("reg-vttbr", "S3_4_C2_C1_0");
	SYSREG_UNDEFINED("reg-ich-hcr", "S3_4_C12_C11_0");
	SURVIVE("reg-sgi0r", "msr S3_0_C12_C11_7, xzr" ::: "memory");
	SURVIVE("reg-asgi1r", "msr S3_0_C12_C11_6, xzr" ::: "memory");
	SURVIVE("reg-sgi1r-nobody", "msr S3_0_C12_C11_5, %0" ::"r"(UINT64_C(0xffff00ffff)) : "memory");
	SURVIVE("reg-sre", "msr S3_0_C12_C12_5, xzr\n\tisb" ::: "memory");
	SURVIVE("set-way", "dc cisw, xzr" ::: "memory");
	SURVIVE("sve", ".inst 0x04bf5020" ::: "x0"); /* rdvl x0, #1 */
	SURVIVE("udf", ".inst 0");
	for (uint32_t i = 0; i < 3; i++) {
		SURVIVE("at-nothing", "at s1e1r, %0\n\tmrs x9, PAR_EL1" ::"r"(NOWHERE_RAM) : "x9", "memory");
	}
}

static void id_registers(void)
{
	uint64_t pfr0 = SYSREG_READ(ID_AA64PFR0_EL1);

	begin();
	/* EL1 and GIC are there; nothing above that this guest would have to share. */
	judge("id-pfr0", (pfr0 >> 4 & 0xf) != 0 && (!hypervisor || (pfr0 >> 32 & 0xf) == 0)); /* SVE hidden */
	judge("mpidr", (SYSREG_READ(MPIDR_EL1) & 0xffffffu) == cpu_index());
}

void guest_main(uint64_t cpu)
{
	struct pci_function edu;

	(void)cpu;
	uart_init();
	gic_init_distributor();
	gic_init_cpu();
	hypervisor = (mmio_read32(GICD_BASE + 4) & GICD_TYPER_LPIS) == 0;
	print("faults: begin, %s", hypervisor ? "under a hypervisor" : "on the bare board");
	memory_faults();
	device_accesses();
	calls();
	config_writes();
	system_registers();
	id_registers();
	if (pci_find(0x1234, 0x11e8, &edu)) {
		bars(&edu);
		/* The bare device runs past its buffer, through the emulator's own memory. */
		if (hypervisor) {
			dma(&edu);
		}
	}
	print("faults ok=%u failed=%u", ok_count, failed_count);
	psci_system_off();
}
