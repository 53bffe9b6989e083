# SPDX-License-Identifier: BSD-2-Clause-Patent

# Two hosts in one process: streams, TLS, seal, host.
fake-src += tests/fake/fake_arch.c
fake-src += tests/fake/sha256.c
fake-src += tests/fake/null_seal.c
fake-src += tests/fake/fake_host.c
fake-src += tests/fake/fake_tls.c
fake-src += tests/fake/fake_streams.c

# A VM, a device, a tracker and a link for the engine.
fake-src += tests/fake/fake_vm.c
fake-src += tests/fake/fake_device.c
fake-src += tests/fake/fake_dirty.c
fake-src += tests/fake/fake_link.c

# An SMMUv3 written from its specification, and a machine around it.
fake-src += tests/fake/smmuv3_model.c
fake-src += tests/fake/smmuv3_model_ats.c
fake-src += tests/fake/smmuv3_model_bench.c
fake-src += tests/fake/smmuv3_model_cmdq.c
fake-src += tests/fake/smmuv3_model_config.c
fake-src += tests/fake/smmuv3_model_dma.c
fake-src += tests/fake/smmuv3_model_event.c
fake-src += tests/fake/smmuv3_model_memory.c
fake-src += tests/fake/smmuv3_model_ops.c
fake-src += tests/fake/smmuv3_model_tlb.c
fake-src += tests/fake/smmuv3_model_translate.c
fake-src += tests/fake/smmuv3_model_walk.c
