# SPDX-License-Identifier: BSD-2-Clause-Patent

driver-src += drivers/gicv3/gicv3.c
driver-src += drivers/mmio.c
driver-src += drivers/pcie/pcie.c
driver-src += drivers/pl011/pl011.c
driver-src += drivers/smmuv3_mmio.c
driver-src += drivers/vfio/edu.c
driver-src += drivers/vfio/edu_image.c
driver-src += drivers/vfio/edu_log.c
driver-src += drivers/vfio/edu_mmio.c
driver-src += drivers/vfio/image.c
driver-src += drivers/fw_cfg/fw_cfg.c
driver-src += drivers/pl031/pl031.c
driver-src += drivers/virtio_mmio/virtio_mmio.c
driver-src += drivers/virtio_mmio/virtq.c
driver-src += drivers/virtio_net/virtio_net.c
driver-src += drivers/virtio_rng/virtio_rng.c

smmu-src += drivers/smmuv3/cmdq.c
smmu-src += drivers/smmuv3/event.c
smmu-src += drivers/smmuv3/init.c
smmu-src += drivers/smmuv3/probe.c
smmu-src += drivers/smmuv3/stream_table.c
smmu-src += drivers/smmuv3/tlb.c
