/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What the test guests share: a bare-metal arm64 program at EL1 on the addresses of QEMU's
 * virt board, which runs as well without a hypervisor of ours under it.
 */
#ifndef TESTS_GUEST_LIB_GUEST_H
#define TESTS_GUEST_LIB_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#define GUEST_CPU_MAX	8u

#define GICD_BASE	UINT64_C(0x08000000)
#define GICR_BASE	UINT64_C(0x080a0000)
#define UART_BASE	UINT64_C(0x09000000)
#define PCI_WINDOW_BASE UINT64_C(0x10000000)
#define ECAM_BASE	UINT64_C(0x4010000000)
#define RAM_BASE	UINT64_C(0x40000000)

#define TIMER_INTID	27u
#define PCI_INTID_FIRST 35u

#define SYSREG_READ(name)                                                                                              \
	({                                                                                                             \
		uint64_t sysreg_value;                                                                                 \
		__asm__ volatile("mrs %0, " #name : "=r"(sysreg_value)::"memory");                                     \
		sysreg_value;                                                                                          \
	})
#define SYSREG_WRITE(name, value) __asm__ volatile("msr " #name ", %0" ::"r"((uint64_t)(value)) : "memory")

/* One plain load or store each, which a hypervisor can decode from the syndrome. */
static inline uint32_t mmio_read32(uint64_t at)
{
	uint32_t v;

	__asm__ volatile("ldr %w0, [%1]" : "=r"(v) : "r"(at) : "memory");
	return v;
}

static inline void mmio_write32(uint64_t at, uint32_t v)
{
	__asm__ volatile("str %w0, [%1]" ::"r"(v), "r"(at) : "memory");
}

static inline uint64_t mmio_read64(uint64_t at)
{
	uint64_t v;

	__asm__ volatile("ldr %0, [%1]" : "=r"(v) : "r"(at) : "memory");
	return v;
}

static inline void mmio_write64(uint64_t at, uint64_t v)
{
	__asm__ volatile("str %0, [%1]" ::"r"(v), "r"(at) : "memory");
}

static inline void mmio_write8(uint64_t at, uint8_t v)
{
	__asm__ volatile("strb %w0, [%1]" ::"r"(v), "r"(at) : "memory");
}

static inline uint32_t cpu_index(void)
{
	return (uint32_t)SYSREG_READ(TPIDR_EL1);
}

static inline void irq_mask(void)
{
	__asm__ volatile("msr DAIFSet, #2" ::: "memory");
}

static inline void irq_unmask(void)
{
	__asm__ volatile("msr DAIFClr, #2" ::: "memory");
}

static inline void wait_for_interrupt(void)
{
	__asm__ volatile("dsb sy\n\twfi" ::: "memory");
}

static inline uint64_t virtual_counter(void)
{
	__asm__ volatile("isb" ::: "memory");
	return SYSREG_READ(CNTVCT_EL0);
}

static inline uint64_t counter_hz(void)
{
	return SYSREG_READ(CNTFRQ_EL0);
}

/* start.S */
extern uint8_t image_start[], image_end[];
void secondary_start(void);

/** Registers at an exception; ELR and SPSR are put back at its end. */
struct guest_frame {
	uint64_t x[31];
	uint64_t padding;
	uint64_t elr, spsr;
};

enum guest_vector { VECTOR_SYNC = 0, VECTOR_IRQ = 1, VECTOR_FIQ = 2, VECTOR_SERROR = 3 };

/* fp.S */
void fp_fill(uint64_t seed);
uint64_t fp_check(uint64_t seed);

/* What each guest provides. */
void guest_main(uint64_t cpu);
void guest_secondary(uint64_t cpu);
/** An interrupt between acknowledge and end. */
void guest_interrupt(uint32_t intid);
/** A synchronous exception or SError; true to go on at frame->elr. */
bool guest_fault(struct guest_frame *frame, enum guest_vector vector, uint64_t esr);

/* mmu.c: identity map, 1 GiB each: devices below RAM, four of RAM, the ECAM's. */
void mmu_build(void);

/* gic.c */
void gic_init_distributor(void);
void gic_init_cpu(void);
void gic_enable_private(uint32_t intid);
/** A level-sensitive SPI, routed to CPU cpu. */
void gic_enable_spi(uint32_t intid, uint32_t cpu);
void gic_send_sgi(uint32_t intid, uint32_t cpu);

/* timer.c */
void timer_arm(uint64_t at);
void timer_disarm(void);
uint64_t timer_ticks_of_us(uint64_t us);

/* uart.c: one line, unchanged by interrupts; only one CPU may print. */
void uart_init(void);
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* psci.c, by HVC */
uint64_t psci_call(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);
uint64_t psci_cpu_on(uint32_t cpu);
void psci_system_off(void) __attribute__((noreturn));

/* pci.c */
struct pci_function {
	uint64_t config; /* address of its configuration space */
	uint64_t bar0;
	uint32_t slot;
	uint32_t intid; /* of its INTx */
};
/** Walks bus 0 for a function with that identity, gives its memory BARs addresses and switches it on; false: none. */
bool pci_find(uint16_t vendor_id, uint16_t device_id, struct pci_function *out);

#endif
