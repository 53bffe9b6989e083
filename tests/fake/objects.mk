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
