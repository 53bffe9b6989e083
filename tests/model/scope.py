# SPDX-License-Identifier: BSD-2-Clause-Patent
"""What run.py checks: configurations that must hold, and broken variants that must fail. docs/models.md explains them."""

# In the order of the values of bad in each model.
PROPERTIES = {
    "handover": ["never two", "gen order", "one at last", "told", "image kept", "given back", "an answer stands",
                 "comes to rest", "marked"],
    "dirty_log": ["no lost write", "nothing after unmap", "no endless fault"],
}

# model, name, in the short run too, definitions
CONFIGURATIONS = [
    ("handover", "link", True, "NATT=2 CUTS=2 LOSSES=1 DUPS=1 FAULTS=3"),
    ("handover", "link, four faults", False, "NATT=2 CUTS=2 LOSSES=2 DUPS=1 FAULTS=4"),
    ("handover", "cancels and failures", True, "NATT=2 CUTS=1 LOSSES=1 FAILS=2 RESTARTS=1 FAULTS=2"),
    ("handover", "cancels and failures, three faults", False, "NATT=2 CUTS=1 LOSSES=1 FAILS=2 RESTARTS=1 FAULTS=3"),
    ("handover", "restarts", True, "NATT=2 FAILS=1 RESTARTS=2 FAULTS=3"),
    ("handover", "restarts and failing stores", False, "NATT=2 FAILS=2 RESTARTS=2 FAULTS=3 EPOCHS=6"),
    ("handover", "operator after a restart", True, "NATT=2 CUTS=1 RESTARTS=2 OPS=1 FAULTS=2"),
    ("handover", "operator, two actions", False, "NATT=2 FAILS=1 RESTARTS=1 OPS=2 FAULTS=2"),
    ("handover", "operator who may lie", False, "NATT=2 CUTS=1 RESTARTS=1 OPS=1 LIES=1 FAULTS=1"),
    ("handover", "A to B to A to B", False, "NATT=3 CUTS=1 LOSSES=1 FAILS=1 RESTARTS=1 FAULTS=2"),
    ("handover", "A to B to C to A", False, "NH=3 NATT=3 RING CUTS=1 FAILS=1 RESTARTS=1 FAULTS=2"),
    ("handover", "three hosts, operator", False, "NH=3 NATT=2 CUTS=1 RESTARTS=1 OPS=1 FAULTS=2"),
    ("handover", "three hosts, operator, two actions", False, "NH=3 NATT=2 FAILS=1 RESTARTS=1 OPS=2 FAULTS=1"),
    ("handover", "no storage at A", True, "NATT=2 CUTS=1 RESTARTS=1 OPS=1 FAULTS=2 NO_STORE=1"),
    ("handover", "no storage at B", False, "NATT=2 CUTS=1 RESTARTS=1 OPS=1 FAULTS=2 NO_STORE=2"),
    ("handover", "operator after restarts, three actions", False, "NATT=1 CUTS=1 RESTARTS=2 OPS=3 FAULTS=2 EPOCHS=8"),
    ("handover", "no storage", True, "NATT=2 CUTS=1 RESTARTS=1 OPS=1 FAULTS=2 NO_STORE=3"),
    ("dirty_log", "hardware dirty state", True, "HAFDBS"),
    ("dirty_log", "hardware dirty state, more stores", False, "HAFDBS STORES_1=2 EL2_WRITES=2"),
    ("dirty_log", "hardware dirty state, unmap", True, "HAFDBS UNMAP"),
    ("dirty_log", "write protection", True, "ROUNDS=1"),
    ("dirty_log", "write protection, two rounds", False, "ROUNDS=2"),
    ("dirty_log", "write protection, more stores", False, "ROUNDS=1 STORES_1=2"),
    ("dirty_log", "write protection, unmap", True, "ROUNDS=1 UNMAP"),
    ("dirty_log", "write protection, no table for the split", False, "ROUNDS=1 NO_TABLES"),
    ("dirty_log", "hardware dirty state, no table for the split", False, "HAFDBS ROUNDS=1 NO_TABLES"),
    ("dirty_log", "write protection, faults counted", True, "ROUNDS=1 STORES_0=1 EL2_WRITES=0 COUNT_FAULTS"),
]

FAULTS_2 = "NATT=2 CUTS=1 LOSSES=1 FAILS=2 RESTARTS=1 FAULTS=2"
FAULTS_3 = "NATT=2 CUTS=1 LOSSES=1 FAILS=2 RESTARTS=1 FAULTS=3"

# model, name, BUG_..., property that it must break, definitions
VARIANTS = [
    ("handover", "DECLINED for an unknown attempt", "DECLINE_UNKNOWN", "gen order", FAULTS_2),
    ("handover", "DECLINED of another attempt is accepted", "DECLINED_OF_ANY", "never two", FAULTS_2),
    ("handover", "PREPARED is accepted after a cancel", "PREPARED_AFTER_CANCEL", "never two", FAULTS_3),
    ("handover", "scrub and RETIRED before RUNNING", "RETIRED_BEFORE_RUNNING", "image kept", FAULTS_2),
    ("handover", "marks without gen", "MARK_WITHOUT_GEN", "gen order", FAULTS_2),
    ("handover", "no fence before answering", "NO_FENCE", "an answer stands", FAULTS_2),
    ("handover", "COMMIT before READY", "COMMIT_BEFORE_READY", "given back", FAULTS_2),
    ("handover", "a deadline leaves GIVEN", "GIVEN_TIMEOUT", "never two", FAULTS_2),
    ("handover", "an operator lies about fencing", "LIE", "never two", "NATT=1 LIES=1"),
    ("handover", "PREPARE before the source's mark is durable", "PREPARE_BEFORE_MARK", "never two", FAULTS_2),
    ("handover", "STORED of another attempt is accepted", "STORED_OF_ANY", "marked", FAULTS_2),
    ("handover", "CLEAR_MARK goes back to the last durable mark", "BASE_WHEN_DURABLE", "never two", FAULTS_2),
    ("handover", "HELD ends, and the VM is not given back", "HELD_STAYS_STOPPED", "one at last", FAULTS_2),
    ("handover", "UNKNOWN ends the attempt in silence", "UNKNOWN_ENDS_IT", "told", FAULTS_2),
    ("handover", "READY does not answer STATUS", "READY_IS_MUTE", "comes to rest", FAULTS_2),
    ("handover", "UNKNOWN gives the VM back to a source in doubt", "UNKNOWN_IS_HOME", "never two", "NATT=1 RESTARTS=3 FAULTS=3"),
    ("handover", "DECLINED after a restart does not raise gen", "RESTART_KEEPS_GEN", "gen order", "NATT=1 FAILS=1 RESTARTS=1 OPS=2 FAULTS=2"),
    ("handover", "all-fenced is said of a source in doubt with another", "DOUBT_IS_FENCED", "never two",
     "NH=3 NATT=2 CUTS=1 RESTARTS=1 OPS=1 FAULTS=2"),
    ("dirty_log", "log bit before permission", "LOG_BEFORE_PERMISSION", "no lost write", "ROUNDS=1"),
    ("dirty_log", "page read before invalidation, write protection", "READ_BEFORE_INVALIDATION", "no lost write", "ROUNDS=1"),
    ("dirty_log", "page read before invalidation, hardware", "READ_BEFORE_INVALIDATION", "no lost write", "ROUNDS=1 HAFDBS"),
    ("dirty_log", "no TLBI, write protection", "NO_TLBI", "no lost write", "ROUNDS=1"),
    ("dirty_log", "no TLBI, hardware", "NO_TLBI", "no lost write", "ROUNDS=1 HAFDBS"),
    ("dirty_log", "the bitmap is swapped", "SWAP", "no lost write", "ROUNDS=1"),
    ("dirty_log", "hypervisor's mark before the write", "MARK_BEFORE_WRITE", "no lost write", "ROUNDS=1 HAFDBS"),
    ("dirty_log", "hypervisor's mark without a barrier", "MARK_WITHOUT_FENCE", "no lost write", "ROUNDS=1 HAFDBS"),
    ("dirty_log", "no local TLBI after a fault", "NO_LOCAL_TLBI", "no endless fault", "ROUNDS=1 COUNT_FAULTS"),
    ("dirty_log", "unmap without TLBI", "UNMAP_WITHOUT_TLBI", "nothing after unmap", "ROUNDS=1 UNMAP"),
]
