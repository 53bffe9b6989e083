# SPDX-License-Identifier: BSD-2-Clause-Patent

# Operators: QMP and the human monitor.
engine-src += migration/control/json.c migration/control/json_out.c
engine-src += migration/control/qmp.c migration/control/qmp_commands.c migration/control/qmp_params.c migration/control/qmp_migrate.c
engine-src += migration/control/monitor.c
