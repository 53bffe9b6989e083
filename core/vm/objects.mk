# SPDX-License-Identifier: BSD-2-Clause-Patent

# The portable half: emulated devices of the guest.

# The hypervisor itself: console, VMs, vCPUs, stage 2, dirty log.
vm-src += core/vm/console.c
