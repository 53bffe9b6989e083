# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
Models that are broken on purpose. A mutant is the host program with one text of one source replaced; a text that is not
there once is an error, so that a mutant cannot die unseen. Which seed and cases find it is up to run.py.
"""

import pathlib
import subprocess

FAKE = "tests/fake/smmuv3_model"


class Mutant:
    def __init__(self, name, source, old, new):
        self.name, self.source, self.old, self.new = name, FAKE + source, old, new


MUTANTS = (
    Mutant("no Access flag fault", "_walk.c", "if (!old_af && !g->ha) {\n\t\tif (g->affd) {", "if (!old_af && !g->ha) {\n\t\tif (true) {"),
    Mutant("AFFD is not looked at", "_walk.c", "\t\tif (g->affd) {", "\t\tif (false) {"),
    Mutant("a level too deep at stage 2", "_config.c", "(g->granule == 12 ? 2 : 3) - sl0)", "(g->granule == 12 ? 2 : 3) - sl0 + (sl0 > 1))"),
    Mutant("a fault names the level above", "_walk.c", "\t\tm->fault.level = level;", "\t\tm->fault.level = (uint8_t)(level - 1);"),
    Mutant("the write permission of stage 2 is that to read", "_walk.c", "leaf->w = leaf->priv_w = model_bit(desc, 7);\n\t\tleaf->upgrade",
           "leaf->w = leaf->priv_w = model_bit(desc, 6);\n\t\tleaf->upgrade"),
    Mutant("a write leaves a clean page clean", "_walk.c", "if (is_write && permitted && leaf->upgrade) {",
           "if (is_write && permitted && leaf->upgrade && !g->stage2) {"),
    Mutant("a read makes a page dirty", "_walk.c", "bool is_write = t->write && !t->speculative;", "bool is_write = !t->speculative;"),
    Mutant("dirty without the right to manage it", "_walk.c", "bool dbm = g->hd && model_bit(desc, 51);", "bool dbm = g->hd;"),
    Mutant("dirty state with the Access flag alone", "_walk.c", "bool dbm = g->hd && model_bit(desc, 51);",
           "bool dbm = g->ha && model_bit(desc, 51);"),
    Mutant("a written page is not marked accessed", "_walk.c", "\twant |= BIT64(10);\n\tif (is_write",
           "\twant |= is_write ? 0 : BIT64(10);\n\tif (is_write"),
    Mutant("the TLB forgets that a page was dirty", "_translate.c", "\tif (e == NULL) {", "\tif (e == NULL || t->write) {"),
    Mutant("the TLB is not kept at all", "_tlb.c", "\t*place = *e;", "\t(void)e;"),
    Mutant("TLBI_S2_IPA does nothing", "_tlb.c", "\tcase 0x2a:\n\t\tr.kinds = KINDS_S2;", "\tcase 0x2a:\n\t\tr.kinds = 0;"),
    Mutant("TLBI_S12_VMALL does nothing", "_tlb.c", "\tcase 0x28:\n\t\tr.kinds = KINDS_S1 | KINDS_S2;", "\tcase 0x28:\n\t\tr.kinds = 0;"),
    Mutant("TLBI_NH_VA spares combined entries", "_tlb.c", "\t\t.kinds = KINDS_S1,", "\t\t.kinds = 1u << SMMU_MODEL_TLB_S1,"),
    Mutant("TLBI_NH_ASID of another ASID", "_tlb.c", "\t\t.asid = (uint16_t)(d0 >> 48),", "\t\t.asid = (uint16_t)(d0 >> 49),"),
    Mutant("CFGI_STE does nothing", "_tlb.c", "m->config[i].sid - (uint64_t)first < count) {", "m->config[i].sid - (uint64_t)first > count) {"),
    Mutant("a part of a block is invalidated alone", "_tlb.c", "MAX(e->whole_log2, e->size_log2)", "MIN(PAGE_LOG2, e->size_log2)"),
    Mutant("the output size is not checked", "_walk.c", "\t\tif (out >> g->output_bits != 0) {", "\t\tif (false) {"),
    Mutant("the input size of stage 2 is not checked", "_walk.c", "\tif (va >> g->input_bits != 0) {", "\tif (false) {"),
    Mutant("an input beyond the IAS is a fault of stage 2", "_translate.c", "if (s->s1 || t->addr >> bits == 0) {", "if (true) {"),
    Mutant("a refusal by a combined entry is of stage 1", "_translate.c", "if (found == FOUND_REFUSED && stage1_grants(&e, t)) {",
           "if (false && stage1_grants(&e, t)) {"),
    Mutant("stage 2 behind a stage 1 table is left out", "_walk.c", "\tif (g->stage2 || !g->stream->s2) {", "\tif (true) {"),
    Mutant("the stage of a fault is not told", "_event.c", "record[1] |= f->stage2 ? BIT64(39) : 0;", "record[1] |= 0;"),
    Mutant("read and write are turned round in a record", "_event.c", "record[1] |= t->write ? 0 : BIT64(35);",
           "record[1] |= t->write ? BIT64(35) : 0;"),
    Mutant("no record of a fault of stage 2", "_dma.c", "record = f->stage2 ? model_bit(s->ste[2], 58)", "record = f->stage2 ? false"),
    Mutant("the second leaf table of streams is the first", "_config.c", "l1_fetch(m, sid >> split, &desc)", "l1_fetch(m, 0, &desc)"),
    Mutant("granules of 16 and 64 KiB are mixed up at stage 2", "_config.c",
           "static const uint8_t granule[4] = { 12, 16, 14, 0 };", "static const uint8_t granule[4] = { 12, 14, 16, 0 };"),
    Mutant("TTB1 is TTB0", "_config.c", ".ttb = cd[high ? 2 : 1] & MASK64(55, 4),", ".ttb = cd[1] & MASK64(55, 4),"),
)
SHORT_NAMES = ("no Access flag fault", "a fault names the level above", "a level too deep at stage 2", "a write leaves a clean page clean")
SHORT = tuple(m for m in MUTANTS if m.name in SHORT_NAMES)

SOURCES = ("tests/diff/host.c", "tests/diff/machine.c", "tests/diff/tables.c", "tests/diff/smmu_draw.c", "tests/diff/smmu_run.c",
           "tests/diff/walk_run.c", "core/base/fmt.c", "core/base/text.c")
CFLAGS = ("-std=gnu11", "-O1", "-fno-strict-aliasing", "-w")


def build(root, folder, mutant):
    """The host program with the mutant in it."""
    models = sorted(root.glob("tests/fake/smmuv3_model*.c"))
    models = [path for path in models if "bench" not in path.name and "_ops" not in path.name]
    text = (root / mutant.source).read_text()
    if text.count(mutant.old) != 1:
        raise RuntimeError(f"mutant {mutant.name}: its text is {text.count(mutant.old)} times in {mutant.source}")
    changed = folder / pathlib.Path(mutant.source).name
    changed.write_text(text.replace(mutant.old, mutant.new))
    objects = []
    for source in [root / name for name in SOURCES] + models:
        # What is not changed is compiled once.
        same = source != root / mutant.source
        output = folder / (source.stem + (".o" if same else ".mutant.o"))
        if not same or not output.exists():
            subprocess.run(["gcc", *CFLAGS, f"-I{root}", "-c", "-o", str(output), str(source if same else changed)], check=True)
        objects.append(str(output))
    program = folder / "mutant"
    subprocess.run(["gcc", "-o", str(program), *objects], check=True)
    return program
