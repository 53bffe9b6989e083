/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The dirty log (core/vm/dirty_log.c, core/vm/stage2.c) as a model: one page of a VM, two vCPUs that store to it, the service
 * core that protects its block, harvests, reads the page and stops the vCPUs. A step is one access to what cores share.
 *
 * A PE may cache a translation at any time it may walk, keeps it until it drops it by itself or an invalidation reaches it,
 * and a store that was translated may reach memory later; only complete() waits for both. A store of the
 * hypervisor's sits in its core's write buffer for a while; a release or a fence empties the buffer first.
 *
 * Properties: every store is in the last copy (no lost write); no store comes after s2_unmap() returned; no store faults
 * again and again.
 *
 * -DHAFDBS: hardware dirty state; else write protection. -DBUG_...: see tests/model/scope.py.
 */
#ifndef STORES_0
#define STORES_0 2		/* of the guest, on each vCPU */
#endif
#ifndef STORES_1
#define STORES_1 1
#endif
#ifndef EL2_WRITES
#define EL2_WRITES 1		/* of the hypervisor for the guest, on the core of vCPU 1 */
#endif
#ifndef ROUNDS
#define ROUNDS 2		/* harvests before the vCPUs stop */
#endif
#define PES 2

#define LOST_WRITE	1	/* a store is not in the last copy */
#define AFTER_UNMAP	2	/* a store reached the page after it was unmapped */
#define FAULTS_ON	3	/* a store faults more often than harvests can explain */

#define T_NONE	0		/* what a PE has cached */
#define T_READ	1		/* S2AP[1] = 0, DBM = 0 */
#define T_CLEAN	2		/* S2AP[1] = 0, DBM = 1: the next store looks at the descriptor again */
#define T_WRITE	3

byte bad;

/* the descriptors: block, or the page's leaf in the table */
bool block = true;		/* the level 2 entry is a block */
bool block_write = true;	/* ... and writable: not tracked */
bool table;			/* ... or a table; neither: the gap of break-before-make */
bool valid = true, write, dbm;	/* the leaf */
bool lock;
bool on;			/* tracking */
bool logged[2];			/* the page's bit; the second bitmap is for a broken variant */
byte filling;

byte tlb[PES];
bool drop[PES];			/* an invalidation is on its way */
bool flying[PES];		/* a store was translated, and is not in memory yet */
bool buffer[PES];		/* a store of EL2's is not in memory yet */

byte memory;			/* stores that the page holds */
byte copy;			/* ... when it was read last */
bool map;			/* the engine's bit */
bool halt;
bool parked[PES];
bool unmapped;

inline take_lock() { atomic { !lock -> lock = true } }
inline give_lock() { lock = false }

#define WALK (block -> (block_write -> T_WRITE : T_READ) : (table && valid -> (write -> T_WRITE : (dbm -> T_CLEAN : T_READ)) : T_NONE))

/* Descriptors are stored before: TLBI to every PE. */
inline invalidate()
{
	atomic { drop[0] = true; drop[1] = true }
}

/* DSB: the invalidations are done, and so is every store that used what they dropped. */
inline complete()
{
	(!drop[0] && !flying[0]);
	(!drop[1] && !flying[1])
}

/* The TLB of one PE, and the write buffer of its EL2. */
proctype pe(byte i)
{
end:	do
	:: atomic { drop[i] -> tlb[i] = T_NONE; drop[i] = false }
	:: atomic { tlb[i] != T_NONE -> tlb[i] = T_NONE }
	:: atomic { tlb[i] == T_NONE && WALK != T_NONE -> tlb[i] = WALK }
	:: atomic { buffer[i] -> memory++; buffer[i] = false }
	:: atomic { flying[i] -> memory++; flying[i] = false;
		if
		:: unmapped -> bad = AFTER_UNMAP
		:: else
		fi;
		assert(bad != AFTER_UNMAP) }
	od
}

/* dirty_log_fault(): the permission, then the log bit, then the stale translation. */
inline fault(i)
{
	take_lock();
#ifndef NO_TABLES
	if
	:: block ->			/* s2_split_locked(): its pages are protected, with DBM for the hardware */
#ifdef HAFDBS
		dbm = true;
#endif
		block = false;
		invalidate();
		complete();
		table = true
	:: else
	fi;
#endif
	if
	:: block -> block_write = true; logged[0] = true	/* no table to be had: the whole block is granted and logged */
	:: table && valid ->
#ifdef BUG_LOG_BEFORE_PERMISSION
		logged[0] = true;
		write = true
#else
		write = true;
#ifdef BUG_SWAP
		bits = filling;
		logged[bits] = true
#else
		logged[0] = true
#endif
#endif
	:: else
	fi;
	give_lock();
#ifndef BUG_NO_LOCAL_TLBI
	tlb[i] = T_NONE
#endif
}

/* The hypervisor writes to the page: dirty_log_mark() comes after. */
inline el2_write(i)
{
#ifdef BUG_MARK_BEFORE_WRITE
	if
	:: on -> logged[0] = true
	:: else
	fi;
	buffer[i] = true;
	!buffer[i]
#else
	buffer[i] = true;
#ifndef BUG_MARK_WITHOUT_FENCE
	!buffer[i];
#endif
	if
	:: on -> !buffer[i]; logged[0] = true
	:: else
	fi
#endif
}

proctype vcpu(byte i)
{
	byte stores = (i == 0 -> STORES_0 : STORES_1), writes = (i == 0 -> 0 : EL2_WRITES), bits;
#ifdef COUNT_FAULTS
	byte faults;
#endif


	do
	:: halt -> break
	:: stores > 0 ->
#ifdef COUNT_FAULTS
		faults = 0;
#endif
		do
		:: halt -> break
		:: atomic { tlb[i] == T_WRITE && !flying[i] -> flying[i] = true; stores--; break }
		/* the walker takes the descriptor it had read for granted only if it still stands */
		:: atomic { tlb[i] == T_CLEAN && !flying[i] ->
			if
			:: table && valid && dbm -> write = true; tlb[i] = T_WRITE; flying[i] = true; stores--; break
			:: else -> tlb[i] = T_NONE
			fi }
		:: tlb[i] == T_READ ->
#ifdef COUNT_FAULTS
			atomic {
				faults++;
				if
				:: faults > ROUNDS + 3 -> bad = FAULTS_ON
				:: else
				fi;
				assert(bad != FAULTS_ON)
			};
#endif
			fault(i)
		/* a translation fault, in the gap or for good: whoever changes the structure holds the lock */
		:: tlb[i] == T_NONE && WALK == T_NONE ->
			take_lock();
			if
			:: WALK == T_NONE -> stores = 0; give_lock(); break
			:: else -> give_lock()
			fi
		od
	:: writes > 0 && !unmapped -> writes--; el2_write(i)
	:: stores == 0 && writes == 0 -> break
	:: unmapped -> break
	od;
	halt;
	atomic { !flying[i] && !buffer[i] -> parked[i] = true }
}

/* harvest() of the page's range, then the sender's turn. */
inline harvest()
{
#ifdef BUG_SWAP
	old = filling;
	filling = 1 - filling;
	atomic { dirty = logged[old]; logged[old] = false };
#else
	atomic { dirty = logged[0]; logged[0] = false };	/* bitmap_take_word_atomic() */
#endif
#ifdef HAFDBS
	if
	:: atomic { table && valid && dbm && write -> write = false; dirty = true }
	:: else
	fi;
#else
	if
	:: dirty && table && valid && write -> write = false	/* arch_desc_clear(): atomic, a leaf that is gone stays gone */
	:: else
	fi;
#endif
#ifdef NO_TABLES
	take_lock();
	if
	:: block && block_write -> block_write = false; dirty = true
	:: else
	fi;
	give_lock();
#endif
	if
	:: dirty ->
#ifdef BUG_READ_BEFORE_INVALIDATION
		map = true;
		send();
#endif
#ifndef BUG_NO_TLBI
		invalidate();
		complete();
#endif
#ifndef BUG_READ_BEFORE_INVALIDATION
		map = true
#endif
	:: else
	fi
}

inline send()
{
	if
	:: map -> map = false; copy = memory
	:: else
	fi
}

inline start()
{
	on = true;
	take_lock();
	block_write = false;		/* in the block: it is split by the first store that faults */
	give_lock();
#ifndef BUG_NO_TLBI
	invalidate();
	complete()
#endif
}

proctype service()
{
	byte round;
	bool dirty;
	byte old;

	start();
	map = true;			/* the first round sends all */
	send();
	do
	:: round < ROUNDS -> round++; harvest(); send()
	:: round == ROUNDS -> break
#ifdef UNMAP
	:: break
#endif
	od;
#ifdef UNMAP
	take_lock();			/* s2_unmap() */
	block = false;
	valid = false;
#ifndef BUG_UNMAP_WITHOUT_TLBI
	invalidate();
	complete();
#endif
	unmapped = true;
	give_lock();
	halt = true
#else
	halt = true;
	parked[0] && parked[1];
	harvest();
	send();
	if
	:: copy != memory -> bad = LOST_WRITE
	:: else
	fi;
	assert(bad != LOST_WRITE)
#endif
}

init
{
	atomic { run service(); run pe(0); run pe(1); run vcpu(0); run vcpu(1) }
}
