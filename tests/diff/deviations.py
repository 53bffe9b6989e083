# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
What the lines of both sides say, and where QEMU 10.0 departs from the architecture, or chooses otherwise where the
architecture leaves a choice. Sections: IHI 0070 for the SMMU, DDI 0487 where it says Arm ARM.
"""

import re

F_CD_FETCH, F_WALK_EABT = 0x09, 0x0B
C_BAD_STREAMID, F_STE_FETCH, C_BAD_STE, C_BAD_CD = 0x02, 0x03, 0x04, 0x0A
F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION = 0x10, 0x11, 0x12, 0x13
FULL = (F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION)
# 7.3: Stall, PnU, InD, RnW, NSIPA, S2, CLASS, TTRnW.
WORD1 = 1 << 31 | 1 << 33 | 1 << 34 | 1 << 35 | 1 << 36 | 1 << 39 | 3 << 40 | 1 << 44
STAGE2 = 1 << 39
CLASS_SHIFT = 40
IPA = ((1 << 40) - 1) << 12
FETCH = ((1 << 49) - 1) << 3


class Event:
    def __init__(self, line):
        word = [int(text, 16) for text in line.split()[2:]]
        self.type, self.sid = word[0] & 0xFF, word[0]
        self.flags, self.input = word[1] & WORD1, word[2]
        # 7.3: IPA[11:0] are not part of the record; QEMU writes them.
        self.rest = word[3] & (IPA if self.type in FULL else FETCH)
        self.stage2 = bool(word[1] & STAGE2)
        self.kind = self.flags >> CLASS_SHIFT & 3

    def key(self):
        return self.sid, self.flags, self.input, self.rest


class Step:
    """One step of a case: a transaction with its events, or another line."""

    def __init__(self):
        self.lines, self.events, self.fields, self.letter = [], [], {}, ""

    def add(self, line):
        self.lines.append(line)
        if line[0] == "e":
            self.events.append(Event(line))
        else:
            self.letter = line[0]
            self.fields = dict(re.findall(r"(\w+)=(\S+)", line))

    def key(self):
        plain = [line for line in self.lines if line[0] not in "et"]
        pa = self.fields.get("pa") if self.letter == "t" else None
        return plain, pa, [event.key() for event in self.events]

    @property
    def went(self):
        return self.fields.get("pa", "0") != "0"

    @property
    def only(self):
        """Type of its one event; 0: none."""
        return self.events[0].type if len(self.events) == 1 else 0 if not self.events else -1


class Case:
    def __init__(self, lines):
        head = " ".join(line for line in lines if line[0] in "sd")
        self.fields = dict(re.findall(r"(\w+)=(\S+)", head))
        self.odd = self.fields.get("odd", "none")
        self.config = int(self.fields.get("config", 0))
        self.ste = [int(text, 16) for text in self.fields.get("ste", "0,0,0,0").split(",")]
        self.cd = [int(text, 16) for text in self.fields.get("cd", "0,0,0").split(",")]
        self.steps = []
        number = None
        for line in lines:
            match = re.match(r"[etca] \d+\.(\d+)", line)
            if match is None or match[1] != number:
                self.steps.append(Step())
            number = match[1] if match is not None else None
            self.steps[-1].add(line)

    @property
    def s2_only(self):
        return self.config == 6

    @property
    def nested(self):
        return self.config == 7


# 4.1.3 and the commands' own sections: CERROR_ILL, where QEMU takes the command and does nothing, or all of it.
COMMANDS_TAKEN = {
    "20,0": "4.4: TLBI_EL2_ALL without IDR0.Hyp is taken, not CERROR_ILL",
    "40,34": "4.5.1: ATC_INV without IDR0.ATS is taken, not CERROR_ILL",
    "41,0": "4.5.2: PRI_RESP without IDR0.PRI is taken, not CERROR_ILL",
    "44,0": "4.6.1: RESUME with STALL_MODEL 1 is taken, not CERROR_ILL",
    "45,0": "4.6.2: STALL_TERM with STALL_MODEL 1 is taken, not CERROR_ILL",
    "3046,0": "4.7.3: CMD_SYNC with the reserved CS 3 is taken, not CERROR_ILL",
    "410,0": "4.1.3: SSec = 1 in a Non-secure command is taken, not CERROR_ILL",
    "430,0": "4.1.3: SSec = 1 in a Non-secure command is taken, not CERROR_ILL",
    "446,0": "4.1.3: SSec = 1 in a Non-secure command is taken, not CERROR_ILL",
    "2a,400": "4.4.1: a range with NUM, SCALE and TTL 0 is taken, not CERROR_ILL",
    "12,800": "4.4.1: a range with NUM, SCALE and TTL 0 is taken, not CERROR_ILL",
}


def stale(case, board, model):
    return board.fields.get("stale") == "1"


def parts(case, board, model):
    return board.fields.get("stale") == model.fields.get("stale") == "2"


def same_but(board, model, **replaced):
    """One event each, equal but for the named fields, which are (board, model) or anything."""
    if len(board.events) != 1 or len(model.events) != 1 or board.went or model.went:
        return False
    one, two = board.events[0], model.events[0]
    for name in ("type", "flags", "input", "rest"):
        if name in replaced:
            wanted = replaced[name]
            if wanted is not None and (getattr(one, name), getattr(two, name)) != wanted:
                return False
        elif getattr(one, name) != getattr(two, name):
            return False
    return True


def fetch_address(case, board, model):
    return any(same_but(board, model, input=None, rest=None) and model.only == kind and
               board.events[0].input & FETCH == model.events[0].rest for kind in (F_STE_FETCH, F_CD_FETCH))


def input_beyond(case, board, model):
    return not board.went and not model.went and not board.events and model.only == F_ADDR_SIZE and \
        not model.events[0].stage2 and (case.s2_only or case.config == 4)


def size_after(case, board, model):
    return model.only == F_ADDR_SIZE and board.only in (F_ACCESS, F_PERMISSION) and \
        board.events[0].stage2 == model.events[0].stage2 and not board.went


def hit_write(case, board, model):
    return model.only == F_PERMISSION and model.events[0].stage2 and case.s2_only and not board.events and not board.went


def recinvsid(case, board, model):
    return board.only == C_BAD_STREAMID and not model.events and not board.went and not model.went


def tbi1(case, board, model):
    iova = int(board.fields["iova"], 16)
    return case.config & 1 and case.cd[0] >> 39 & 1 and iova >> 55 & 1 and iova >> 56 != 0xFF


def bad_ste(case, board, model):
    return board.only == C_BAD_STE and not board.went and model.only != C_BAD_STE


def good_ste(case, board, model):
    return model.only == C_BAD_STE and board.only != C_BAD_STE


def good_cd(case, board, model):
    return model.only == C_BAD_CD and board.only != C_BAD_CD


def bad_cd(case, board, model):
    return board.only == C_BAD_CD and not board.went and model.only != C_BAD_CD


def bad_sid(case, board, model):
    return model.only in (0, C_BAD_STREAMID) and not model.went and board.only != C_BAD_STREAMID


def beyond_span(case, board, model):
    return board.only == C_BAD_STE and model.only in (0, C_BAD_STREAMID) and not board.went and not model.went


def cd_read(case, board, model):
    return same_but(board, model, flags=None) and model.events[0].kind == 0 and model.events[0].stage2 and \
        board.events[0].flags ^ model.events[0].flags == 1 << 35


def ttrnw(case, board, model):
    """Equal, but that the board leaves TTRnW out of records of walks."""
    return same_but(board, model, flags=None) and model.events[0].kind == 1 and \
        board.events[0].flags ^ model.events[0].flags == 1 << 44


def table_page(case, board, model):
    """No transaction went through, and the model's record is of another class, or of the same but for TTRnW and S2."""
    return not board.went and not model.went and (model.only in (0, *FULL)) and board.only in (0, *FULL)


def hit_ipa(case, board, model):
    """A refusal by the TLB: of stage 2, without its IPA."""
    return same_but(board, model, rest=None) and model.only == F_PERMISSION and model.events[0].stage2 and \
        board.events[0].rest == 0 and case.nested


def hit_read(case, board, model):
    """A read went through that the sound permission refuses, told (S2R) or not."""
    told = model.only == F_PERMISSION or (model.only == 0 and not case.ste[2] >> 58 & 1)
    return case.config & 2 and board.lines[-1].split()[2] == "r" and board.went and not model.went and told


def walk_class(case, board, model):
    """A bus error in a walk of stage 2: for the input, or for a table."""
    return same_but(board, model, flags=None) and model.only == F_WALK_EABT and model.events[0].stage2 and \
        board.events[0].flags ^ model.events[0].flags == 3 << CLASS_SHIFT | 1 << 44


def aptable(case, board, model):
    return F_PERMISSION in (board.only, model.only)


def permission_stage1(case, board, model):
    told = model.only == F_PERMISSION and not model.events[0].stage2 or (model.only == 0 and not case.cd[0] >> 45 & 1)
    return told and not model.went and board.only != F_PERMISSION


def anything(case, board, model):
    return True


# (what is said, oddities it is about or None for any case, predicate, whether the case's rest can be compared)
DEVIATIONS = (
    ("either: a change that was not invalidated is seen or not (3.17)", None, stale, False),
    ("Arm ARM D8.16: TLBI by VA of a stage 1 block leaves parts that stage 2 has cut", None, parts, False),
    ("7.3.4, 7.3.10: F_STE_FETCH, F_CD_FETCH: FetchAddr is in the wrong word", None, fetch_address, True),
    ("3.4: F_ADDR_SIZE of an input beyond the IAS, stage 1 bypassed, is not recorded", None, input_beyond, True),
    ("Arm ARM D8.15: the Access flag and permission are looked at before the output size", None, size_after, True),
    ("6.3.12: C_BAD_STREAMID is recorded without CR2.RECINVSID", None, recinvsid, True),
    ("5.4: CD.TBI1 is not looked at (TBI0 is, in its place)", None, tbi1, True),
    ("5.2: S1STALLD is looked at where stage 1 is off", ("ste-s1stalld",), bad_ste, False),
    ("5.2: S1CDMax is looked at where stage 1 is off", ("ste-s1cdmax",), bad_ste, False),
    ("5.2: STRW is not looked at", ("ste-strw",), good_ste, False),
    ("5.2: S2HA, S2HD beyond IDR0.HTTU are ignored, not ILLEGAL", ("ste-s2ha", "ste-s2hd"), good_ste, False),
    ("5.2: S2T0SZ wider than S2PS is refused", ("ste-s2ps",), bad_ste, False),
    ("5.1.1: a Span beyond SPLIT + 1 is taken", ("l1-span-wide",), bad_sid, False),
    ("7.3: RnW of a fault on the fetch of a CD says read", None, cd_read, True),
    ("7.3: TTRnW is not set for the read of a descriptor", None, ttrnw, True),
    ("7.3.12: CLASS of F_WALK_EABT in a walk of stage 2 says input, not table", None, walk_class, True),
    ("7.3: a fault of stage 2 on a table of stage 1 comes early (with the CD), or without S2", ("nested-table-page",),
     table_page, False),
    ("5.1.1: a StreamID beyond the Span is C_BAD_STE, not C_BAD_STREAMID", ("l1-span-short",), beyond_span, True),
    ("5.2: S2FWB without IDR3.FWB is ignored, not ILLEGAL", ("ste-s2fwb",), good_ste, False),
    ("5.2: too little input for the start level is taken, not ILLEGAL", ("ste-s2t0sz", "ste-s2sl0"), good_ste, False),
    ("Arm ARM D8.3: the address of a next table is not held against the output size", ("pte-table-beyond-ps",),
     anything, False),
    ("Arm ARM D8.4: APTable is a fault of its own level, and is not kept in the TLB", ("pte-aptable",), aptable, False),
    ("either: one member of a contiguous group speaks for all, or for itself (Arm ARM D8.6)", ("pte-contiguous-alone",),
     anything, False),
    ("5.4: AP[1] = 0 does not keep an unprivileged access out", ("pte-ap1-0",), permission_stage1, False),
    ("Arm ARM D8.2: of tables side by side QEMU walks the first", ("s2-concatenated",), anything, False),
    ("Arm ARM D8.3: a block is taken at every level", ("pte-block-level",), anything, False),
    ("3.17: a hit of the TLB does not look at the permission to read", None, hit_read, True),
    ("7.3.14: F_PERMISSION of stage 2 by a hit of the TLB has no IPA", None, hit_ipa, True),
    ("7.3.14: no F_PERMISSION of stage 2 for a write that hits the TLB", None, hit_write, True),
)


def compare(case, board, model):
    """None: equal. Otherwise (name of the deviation, or "", whether the rest of the case can be compared)."""
    if board.key() == model.key():
        return None
    if board.letter == model.letter == "c":
        one, two = board.fields, model.fields
        taken = one["error"] == "0" and two["error"] == "1" and one["command"] == two["command"]
        return COMMANDS_TAKEN.get(one["command"], "") if taken else "", True
    if board.letter == model.letter == "t":
        for name, odd, predicate, goes_on in DEVIATIONS:
            if (odd is None or case.odd in odd) and predicate(case, board, model):
                return name, goes_on
    return "", False
